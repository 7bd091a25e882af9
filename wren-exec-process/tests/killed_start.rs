//! A server that is killed while a sandbox starts leaves nothing: neither a launcher, nor a guest, nor a run.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::eventually;
use wren_conformance::executor::Trial;
use wren_exec_process::{ProcessExecutor, ProcessOptions, TierPreference};

/// The part of the server, in a process of its own that the test below starts and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests start it"]
async fn server() {
    let folder = std::env::var("WREN_TEST_FOLDER").expect("the test that starts this sets it");
    let options = ProcessOptions::default().with_tier(TierPreference::Bubblewrap).with_state_dir(folder);
    let executor = std::sync::Arc::new(ProcessExecutor::start(options).await) as _;
    println!("running");
    let _ = Trial::new("import time\ndef main():\n    time.sleep(1000)\n").run(&executor).await;
}

/// Returns the processes that have the folder `name` among their mounts. A launcher that has
/// set nothing up yet shares the mounts of this process, and is told by its parent instead.
fn processes_of(name: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|process| {
            let read = |file: &str| fs::read_to_string(process.join(file)).unwrap_or_default();
            // Only this crate hands bubblewrap its options through a file.
            let is_ours = || read("cmdline").starts_with("/usr/bin/bwrap\0--args\0");
            let is_orphaned_launcher = || is_ours() && read("status").contains("\nPPid:\t1\n");
            read("mountinfo").contains(name) || is_orphaned_launcher()
        })
        .map(|process| process.display().to_string())
        .collect()
}

#[tokio::test]
async fn a_server_killed_while_a_sandbox_starts_leaves_nothing() {
    if common::executor(TierPreference::Bubblewrap).await.is_none() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folder = state.path().to_str().unwrap();
    let name = state.path().file_name().unwrap().to_str().unwrap();
    for round in 0..60 {
        let mut server = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "server", "--ignored", "--nocapture"])
            .env("WREN_TEST_FOLDER", folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(server.stdout.take().unwrap());
        let is_running =
            output.lines().map_while(Result::ok).any(|line| line.contains("running") && !line.contains("test"));
        assert!(is_running, "the server is about to start a sandbox");
        // The moment is the input here: it moves through the whole of the start.
        tokio::time::sleep(Duration::from_micros(round * 250)).await;
        server.kill().unwrap();
        server.wait().unwrap();
        // Each time, since the next server ends what it finds in the control groups of this one.
        eventually(|| processes_of(name).is_empty()).await;
    }
}
