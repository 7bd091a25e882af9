//! How the server begins and ends, and what it says meanwhile.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;
use support::{Wren, eventually, http, processes};

const SLOW: &str = "import time\n\nimport wren\n\n\ndef slow(event=None):\n    print(\"begun\", flush=True)\n    \
                    time.sleep(event or 1)\n    return \"ended\"\n";

/// Starts a run and waits until it has printed its first line.
fn begin_slow_run(wren: &Wren, event: &str) -> String {
    let file = wren.write("slow.py", SLOW);
    wren.text(["deploy", &file, "--name", "slow"]);
    let run = wren.json(["run", "slow", "--event", event, "--json"])["run_id"].as_str().unwrap().to_owned();
    eventually("the run's first line", || {
        let logs = http::get(wren, &format!("/v1/runs/{run}/logs"));
        (!logs["logs"].as_array().unwrap().is_empty()).then_some(())
    });
    run
}

#[test]
fn a_graceful_end_waits_for_the_runs_in_progress() {
    let mut wren = Wren::start(&[]);
    let run = begin_slow_run(&wren, "2");
    assert!(wren.stop_gracefully().success(), "{}", wren.server_log());
    wren.start_server();
    let ended = http::get(&wren, &format!("/v1/runs/{run}"));
    assert_eq!((&ended["status"], &ended["attempt"]), (&Value::from("success"), &Value::from(1)), "{ended}");
}

#[test]
fn a_second_signal_ends_at_once_and_the_run_is_taken_up_again() {
    let mut wren = Wren::start(&["--lease", "1s"]);
    let run = begin_slow_run(&wren, "30");
    processes::signal(wren.server_pid(), "TERM");
    eventually("the drain", || wren.server_log().contains("shutting down").then_some(()));
    assert_eq!(wren.stop_gracefully().code(), Some(130));
    wren.start_server();
    eventually("a second attempt", || {
        let run = http::get(&wren, &format!("/v1/runs/{run}"));
        (run["attempt"] == 2 && run["status"] == "running").then_some(())
    });
    wren.text(["cancel", &run]);
    eventually("the cancelled end", || {
        (http::get(&wren, &format!("/v1/runs/{run}"))["status"] == "cancelled").then_some(())
    });
}

#[test]
fn the_address_is_the_first_line_and_the_log_is_json_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wren"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--log-format", "json"]).current_dir(folder.path());
    command.env_remove("WREN_DATA").env_remove("WREN_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(listening["event"], "listening");
    assert!(listening["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{listening}");
    processes::signal(server.id(), "TERM");
    assert!(eventually("the end", || server.try_wait().unwrap()).success());
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |part: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(part)));
    assert!(said("sandbox") && said("`wren keys create --owner NAME --data ./wren-data`") && said("ended"), "{log}");
    assert!(folder.path().join("wren-data/wren.db").is_file(), "the default data folder");
}

#[test]
fn a_server_on_memory_prints_the_one_key_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    for json in [true, false] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wren"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", "memory"]).args(json.then_some("--json"));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        command.current_dir(folder.path()).env_remove("WREN_DATA").env_remove("WREN_LOG");
        let mut server = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
        let (url, key) = if json {
            let listening: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
            (listening["url"].as_str().unwrap().to_owned(), listening["key"].as_str().unwrap().to_owned())
        } else {
            let value = |line: String, name: &str| line.strip_prefix(name).unwrap().to_owned();
            let url = value(lines.next().unwrap(), "listening on ");
            (url, value(lines.next().unwrap(), "export WREN_API_KEY="))
        };
        let mut status = std::process::Command::new(env!("CARGO_BIN_EXE_wren"));
        status.args(["status", "--json"]).current_dir(folder.path()).env("WREN_URL", url).env("WREN_API_KEY", &key);
        let status = support::Ended::from(status.output().unwrap());
        processes::signal(server.id(), "TERM");
        server.wait().unwrap();
        assert_eq!(status.code, 0, "{status:?}");
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(!log.contains(&key) && !log.contains("no API key exists"), "{log}");
    }
    assert!(!folder.path().join("wren-data").exists(), "memory needs no folder");
}

#[test]
fn what_is_printed_while_somebody_follows_is_shown_as_it_comes() {
    let wren = Wren::start(&[]);
    let run = begin_slow_run(&wren, "1");
    let mut follower = wren.command(["logs", "slow", "--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let log = events.next().unwrap();
    assert_eq!((&log["event"], &log["text"]), (&Value::from("log"), &Value::from("begun")), "{log}");
    let end = events.next().unwrap();
    assert_eq!((&end["event"], &end["run"]["run_id"]), (&Value::from("run"), &Value::from(run)), "{end}");
    let next = wren.json(["run", "slow", "--event", "1", "--json"]);
    assert_eq!(events.next().unwrap()["run_id"], next["run_id"]);
    follower.kill().unwrap();
    follower.wait().unwrap();
}
