//! The server dies in the middle of runs, again and again: no due time is lost or doubled, every run ends once, and
//! nothing of the sandboxes stays.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use support::processes::{Process, descendants, is_alive, named, signal};
use support::{Wren, can_run_processes, eventually, http};

/// How many kills must meet a living process of the script.
const KILLS: u32 = 20;

/// How often the server is killed at most: a run may end between the look and the kill, but not this often.
const MAX_LIVES: u32 = 2 * KILLS;

/// The name that the script gives to its process, at most 15 characters, so that it is found wherever it went. By a system
/// call, since a sandbox may keep `/proc` from it.
fn marker() -> String {
    format!("wrencrash{}", std::process::id() % 100_000)
}

/// How many lines the script prints; it goes on for a fifth of a second after each.
const STEPS: usize = 4;

/// A script that says how far it has come, over about a second.
fn script(executor: &str) -> String {
    let mark = match executor {
        "process" => format!("import ctypes\n    ctypes.CDLL(None).prctl(15, b\"{}\", 0, 0, 0)", marker()),
        _ => "pass".to_owned(),
    };
    format!(
        r#"import time

import wren


@wren.on_schedule(every="1s")
def tick():
    {mark}
    for step in range({STEPS}):
        print("step", step, flush=True)
        time.sleep(0.2)
"#
    )
}

/// A server that is killed again and again, and its executor.
struct Victim {
    wren: Wren,
    executor: &'static str,
    /// When the present life began.
    began: DateTime<Utc>,
}

impl Victim {
    fn start(executor: &'static str) -> Self {
        let began = Utc::now();
        Self { wren: Wren::start(&["--lease", "1s", "--executor", executor]), executor, began }
    }

    /// Returns the run that this life of the server is in the middle of, with how many lines of the attempt are stored.
    ///
    /// A run that the life before left behind is `running`, too, until its lease ends: what tells is the script's process,
    /// or without processes a line that was printed in this life.
    fn running(&self) -> Option<(String, usize)> {
        if self.executor == "process" && !self.script_is_among(&descendants(self.wren.server_pid())) {
            return None;
        }
        let runs = http::get(&self.wren, "/v1/runs?status=running");
        let run = runs["runs"].get(0)?;
        let id = run["run_id"].as_str()?;
        let logs = http::get(&self.wren, &format!("/v1/runs/{id}/logs"));
        let lines = logs["logs"].as_array()?;
        let lines: Vec<_> = lines.iter().filter(|line| line["attempt"] == run["attempt"]).collect();
        let is_of_this_life = |line: &&Value| {
            line["at"].as_str().unwrap().parse::<DateTime<Utc>>().is_ok_and(|printed| printed > self.began)
        };
        (self.executor == "process" || lines.last().is_some_and(is_of_this_life)).then(|| (id.to_owned(), lines.len()))
    }

    /// Kills the server with everything frozen, so that what it had started is known to the last process; returns that, and
    /// whether the script was alive to the last look.
    fn kill(&mut self) -> (BTreeSet<Process>, bool) {
        // The script goes on after each of its lines, and it was seen before the last one.
        let is_in_its_middle = self.running().is_some_and(|(_, lines)| lines < STEPS);
        signal(self.wren.server_pid(), "STOP");
        let children = descendants(self.wren.server_pid());
        let meets_script = match self.executor {
            "process" => self.script_is_among(&children),
            _ => is_in_its_middle,
        };
        self.wren.kill();
        (children, meets_script)
    }

    fn live_again(&mut self) {
        self.began = Utc::now();
        self.wren.start_server();
    }

    fn script_is_among(&self, processes: &BTreeSet<Process>) -> bool {
        processes.iter().any(|process| process.name == marker() && is_alive(process))
    }
}

fn is_terminal(run: &Value) -> bool {
    !matches!(run["status"].as_str(), Some("queued" | "running"))
}

#[test]
fn twenty_kills_with_processes_lose_no_due_time_double_none_and_leave_nothing_behind() {
    if can_run_processes() {
        kill_and_look("process");
    }
}

#[test]
fn twenty_kills_on_wasm_lose_no_due_time_and_double_none() {
    kill_and_look("wasm");
}

fn kill_and_look(executor: &'static str) {
    let mut victim = Victim::start(executor);
    let file = victim.wren.write("tick.py", script(executor));
    let deployed = victim.wren.json(["deploy", &file, "--name", "tick", "--json"]);
    let id = deployed["deployment_id"].as_str().unwrap().to_owned();

    let mut met = 0u32;
    let mut lives = 0u32;
    let mut last = String::new();
    let mut ended: BTreeMap<String, Value> = BTreeMap::new();
    while met < KILLS {
        assert!(lives < MAX_LIVES, "only {met} of {lives} kills met a script: the test tests too little");
        // Every second time a run that no kill has met; its progress is another each time.
        let fresh = lives.is_multiple_of(2);
        let steps = (lives / 2 % 4) as usize;
        let (run, _) = eventually("a run in its middle", || {
            victim.running().filter(|(run, lines)| (!fresh || *run != last) && *lines >= steps)
        });
        last = run;
        remember_the_ended(&victim.wren, &id, &mut ended);
        let (children, meets_script) = victim.kill();
        lives += 1;
        met += u32::from(meets_script);
        eventually("the end of every sandbox process", || children.iter().all(|child| !is_alive(child)).then_some(()));
        victim.live_again();
    }

    // One more run shows that the platform goes on; then nothing new comes.
    eventually("a run that succeeds after all", || victim.running().filter(|(run, _)| *run != last));
    eventually("a run that succeeds after all", || {
        let runs = http::get(&victim.wren, &format!("/v1/deployments/{id}/runs?status=success"));
        runs["runs"][0]["run_id"].as_str().filter(|run| !ended.contains_key(*run)).map(str::to_owned)
    });
    victim.wren.text(["undeploy", &id]);
    let runs = eventually("the end of every run", || {
        let runs = http::all_runs(&victim.wren, &id);
        runs.iter().all(is_terminal).then_some(runs)
    });
    assert_one_run_per_due_time(&runs);
    for run in &runs {
        assert!(run["completed_at"].is_string(), "{run}");
        if let Some(before) = ended.get(run["run_id"].as_str().unwrap()) {
            assert_eq!(before, run, "a run that had ended has changed");
        }
    }
    assert!(victim.wren.stop_gracefully().success(), "{}", victim.wren.server_log());
    if executor == "process" {
        assert_eq!(named(&marker()), [], "a sandbox process is left");
    }
}

/// Keeps every run that has ended, to see that it never changes again.
fn remember_the_ended(wren: &Wren, id: &str, ended: &mut BTreeMap<String, Value>) {
    for run in http::all_runs(wren, id).into_iter().filter(is_terminal) {
        ended.entry(run["run_id"].as_str().unwrap().to_owned()).or_insert(run);
    }
}

/// Consecutive due times of `every="1s"` are one second apart: none is missing and none is there twice.
#[track_caller]
fn assert_one_run_per_due_time(runs: &[Value]) {
    let mut due: Vec<DateTime<Utc>> =
        runs.iter().map(|run| run["scheduled_for"].as_str().unwrap().parse().unwrap()).collect();
    due.sort();
    assert!(due.len() > KILLS as usize, "{} due times in {KILLS} lives", due.len());
    for pair in due.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "between {} and {}", pair[0], pair[1]);
    }
}
