//! `wren logs --follow` shows what comes, all of it, and nothing of what was.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use support::{PATIENCE, Wren, eventually, http, processes};

const DAYS: &str = "import wren\n\n\ndef day(event=None):\n    print(\"day\", event)\n\n\ndef quiet(): ...\n";

/// Prints until it is cancelled; with an event it ends at once.
const LONG: &str = "import time\n\nimport wren\n\n\ndef long(event=None):\n    while event is None:\n        \
                    print(\"still here\", flush=True)\n        time.sleep(0.1)\n";

/// A command that prints events; killed however the test ends.
struct Follower {
    child: Child,
    events: Receiver<Value>,
}

impl Follower {
    fn start(wren: &Wren, args: &[&str]) -> Self {
        let mut child = wren.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            let mut parsed = lines.map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap());
            // A test that has ended reads no more.
            let _ = parsed.try_for_each(|event| sender.send(event));
        });
        Self { child, events }
    }

    fn next(&mut self) -> Value {
        self.events.recv_timeout(PATIENCE).expect("a further event")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run_to_the_end(wren: &Wren, deployment: &str, event: u32) -> String {
    let ran = wren.json(["run", deployment, "--event", &event.to_string(), "--wait", "--json"]);
    ran["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn following_shows_the_tail_with_its_end_and_then_only_what_is_new() {
    let wren = Wren::start(&[]);
    let file = wren.write("days.py", DAYS);
    wren.text(["deploy", &file]);
    let before: Vec<String> = (1..=15).map(|day| run_to_the_end(&wren, "days", day)).collect();
    let mut follower = Follower::start(&wren, &["logs", "days", "--tail", "1", "--follow", "--json"]);
    let log = follower.next();
    assert_eq!((&log["event"], &log["text"]), (&json!("log"), &json!("day 15")), "{log}");
    let end = follower.next();
    assert_eq!((&end["event"], &end["run"]["run_id"]), (&json!("run"), &json!(before[14])), "{end}");
    let new = run_to_the_end(&wren, "days", 16);
    let log = follower.next();
    assert_eq!((&log["run_id"], &log["text"]), (&json!(new), &json!("day 16")), "{log}");
    assert_eq!(follower.next()["run"]["run_id"], json!(new));
}

#[test]
fn a_long_run_is_followed_to_its_end_behind_a_page_of_newer_ones() {
    let wren = Wren::start(&["--concurrency", "1"]);
    let file = wren.write("long.py", LONG);
    wren.text(["deploy", &file]);
    let long = wren.json(["run", "long", "--json"]);
    let id = wren.json(["status", "long", "--json"])["deployment"]["id"].as_str().unwrap().to_owned();
    let mut follower = Follower::start(&wren, &["logs", "long", "--follow", "--json"]);
    let long = long["run_id"].as_str().unwrap();
    assert_eq!(follower.next()["run_id"], *long);
    // While the follower stands still, more than a page comes: the first of it is on the second page.
    processes::signal(follower.child.id(), "STOP");
    let queued: Vec<String> = (0..110)
        .map(|_| {
            let path = format!("/v1/deployments/{id}/runs");
            let (status, answer) = http::request(&wren, "POST", &path, wren.key(), b"{\"event\": 1}");
            assert_eq!(status, 202, "{answer}");
            answer["run_id"].as_str().unwrap().to_owned()
        })
        .collect();
    wren.text(["cancel", &queued[0]]);
    let seen = wren.json(["logs", long, "--tail", "1", "--json"])["runs"][0]["logs"][0]["seq"].as_u64().unwrap();
    processes::signal(follower.child.id(), "CONT");

    let is_of_long = |event: &Value| event["event"] == "log" && event["run_id"] == *long;
    let ends = |event: &Value, run: &str| event["event"] == "run" && event["run"]["run_id"] == *run;
    let (mut goes_on, mut cancelled) = (false, false);
    eventually("the long run's further lines and the end on the second page", || {
        let event = follower.next();
        goes_on |= is_of_long(&event) && event["seq"].as_u64() > Some(seen);
        cancelled |= ends(&event, &queued[0]);
        (goes_on && cancelled).then_some(())
    });
    wren.text(["cancel", long]);
    eventually("the long run's end", || ends(&follower.next(), long).then_some(()));
}

#[test]
fn a_run_is_shown_only_with_the_deployment_that_it_belongs_to() {
    let wren = Wren::start(&[]);
    let file = wren.write("days.py", DAYS);
    wren.text(["deploy", &file]);
    wren.text(["deploy", &file, "--name", "other"]);
    let run = run_to_the_end(&wren, "days", 1);
    assert!(wren.text(["logs", "days", "--run", &run]).contains("day 1"));
    assert!(wren.text(["logs", &run]).contains("day 1"));
    let refused = wren.run(["logs", "other", "--run", &run, "--json"]);
    assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("NOT_FOUND")), "{refused:?}");
    assert!(refused.error()["hint"].is_string(), "{refused:?}");
}

#[test]
fn a_run_that_printed_nothing_is_shown_all_the_same() {
    let wren = Wren::start(&[]);
    let file = wren.write("days.py", DAYS);
    wren.text(["deploy", &file]);
    let day = run_to_the_end(&wren, "days", 1);
    let quiet = wren.json(["run", "days", "--func", "quiet", "--wait", "--json"]);
    let shown = wren.json(["logs", "days", "--json"]);
    let ids: Vec<&Value> = shown["runs"].as_array().unwrap().iter().map(|run| &run["run_id"]).collect();
    assert_eq!(ids, [&json!(day), &quiet["run_id"]]);
    let mut follower = Follower::start(&wren, &["logs", "days", "--follow", "--json"]);
    assert_eq!(follower.next()["run_id"], json!(day));
    assert_eq!(follower.next()["run"]["run_id"], json!(day));
    assert_eq!(follower.next()["run"]["run_id"], quiet["run_id"]);
}
