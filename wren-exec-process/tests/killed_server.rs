//! A server that is killed outright leaves no process, and the next one removes its files and control groups.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use common::{eventually, processes_named};
use wren_conformance::executor::Trial;
use wren_exec_process::TierPreference;

/// The part of the server, in a process of its own that the test below starts and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests start it"]
async fn server() {
    let name = std::env::var("WREN_TEST_NAME").expect("the test that starts this sets it");
    let tier = match std::env::var("WREN_TEST_TIER").as_deref() {
        Ok("reduced") => TierPreference::Reduced,
        _ => TierPreference::Bubblewrap,
    };
    let executor = common::shared(tier).await;
    let script = format!(
        "
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)
def main():
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
    while True:
        time.sleep(1000)
"
    );
    let run = Trial::new(&script).run(&executor);
    let announced = async {
        eventually(|| !processes_named(&name).is_empty()).await;
        println!("running");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ran = run => panic!("{ran:?}"),
        () = announced => {}
    }
}

async fn leaves_nothing(tier: TierPreference, word: &str) {
    if common::executor(tier).await.is_none() {
        return;
    }
    let name = format!("wtk{}{}", std::process::id(), &word[..1]);
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server", "--ignored", "--nocapture"])
        .env("WREN_TEST_NAME", &name)
        .env("WREN_TEST_TIER", word)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(server.stdout.take().unwrap());
    let is_running =
        output.lines().map_while(Result::ok).any(|line| line.contains("running") && !line.contains("test"));
    assert!(is_running, "the server's run has started");
    server.kill().unwrap();
    server.wait().unwrap();
    eventually(|| processes_named(&name).is_empty()).await;

    drop(wren_exec_process::ProcessExecutor::start(wren_exec_process::ProcessOptions::default().with_tier(tier)).await);
    // Executors of other test programs come and go meanwhile; only what stays abandoned is a fault.
    eventually(|| common::abandoned_folders().is_empty()).await;
}

#[tokio::test]
async fn a_killed_server_leaves_nothing_in_bubblewrap() {
    leaves_nothing(TierPreference::Bubblewrap, "bubblewrap").await;
}

#[tokio::test]
async fn a_killed_server_leaves_nothing_in_the_reduced_tier() {
    leaves_nothing(TierPreference::Reduced, "reduced").await;
}
