//! What was seen of runs, and must stay so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::Value;

use super::client::{Client, list, text};
use super::due;
use super::script;
use super::traffic::{Promised, Traffic};

/// How many runs a look reads whole at most, so that it leaves time for traffic.
const NEW_PER_LOOK: usize = 25;

/// A run that was seen to have ended.
#[derive(Debug)]
struct Ended {
    /// As lists show it.
    summary: Value,
    /// With result, isolation and attempts.
    whole: Value,
}

/// The runs that were seen to have ended.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    ended: BTreeMap<String, Ended>,
    /// Whether a batch of lines may be there twice: where the answer to an append was lost, it is appended again.
    lines_may_repeat: bool,
}

impl Ledger {
    /// Makes one for a store whose answers are lost now and then while the server lives on.
    #[allow(dead_code, reason = "for tests in which that happens")]
    pub(crate) fn of_lost_answers() -> Self {
        Self { lines_may_repeat: true, ..Self::default() }
    }

    /// Looks at what can be seen at a glance: the deployments that stand and the latest runs.
    pub(crate) fn look(&mut self, client: &Client<'_>, traffic: &Traffic) -> io::Result<()> {
        if let Some(steady) = &traffic.steady {
            let shown = client.read(&format!("/v1/deployments/{}", steady.id))?;
            let revision = shown["revision"].as_u64().unwrap();
            assert_eq!(shown["status"], "active", "{shown}");
            assert!(traffic.steady_revisions().contains(&revision), "{:?}: {shown}", traffic.steady_revisions());
            self.look_at_runs(client, steady)?;
        }
        if let Some((promised, statuses)) = traffic.standing() {
            let shown = client.read(&format!("/v1/deployments/{}", promised.id))?;
            assert!(statuses.contains(&text(&shown, "status")), "{statuses:?}: {shown}");
            self.look_at_runs(client, promised)?;
        }
        if let Some(run) = traffic.runs.values().next_back() {
            client.read(&format!("/v1/runs/{run}"))?;
        }
        Ok(())
    }

    fn look_at_runs(&mut self, client: &Client<'_>, promised: &Promised) -> io::Result<()> {
        let page = client.read(&format!("/v1/deployments/{}/runs?limit=200", promised.id))?;
        let runs = list(&page, "runs");
        due::assert_no_gap(runs);
        let mut new = 0;
        for run in runs.iter().filter(|run| has_ended(run)) {
            match self.ended.get(text(run, "run_id")) {
                Some(before) => assert_eq!(before.summary, *run, "a run that had ended has changed"),
                None if new < NEW_PER_LOOK => {
                    self.keep(client, run)?;
                    new += 1;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn keep(&mut self, client: &Client<'_>, run: &Value) -> io::Result<()> {
        let id = text(run, "run_id");
        let whole = client.read(&format!("/v1/runs/{id}"))?;
        self.ended.insert(id.to_owned(), Ended { summary: run.clone(), whole });
        Ok(())
    }

    /// Returns how many runs it keeps.
    #[allow(dead_code, reason = "for tests that report it")]
    pub(crate) fn len(&self) -> usize {
        self.ended.len()
    }

    /// Checks every run of a deployment, each of which has ended or comes after what is asked about.
    pub(crate) fn check(&self, client: &Client<'_>, runs: &[Value]) -> io::Result<()> {
        let known: BTreeSet<&str> = runs.iter().map(|run| text(run, "run_id")).collect();
        assert_eq!(known.len(), runs.len(), "a list shows a run twice");
        for run in runs.iter().filter(|run| has_ended(run)) {
            let id = text(run, "run_id");
            let whole = client.read(&format!("/v1/runs/{id}"))?;
            if let Some(before) = self.ended.get(id) {
                assert_eq!(before.summary, *run, "a run that had ended has changed");
                assert_eq!(before.whole, whole, "a run that had ended has changed");
            }
            check_attempts(&whole);
            if run["status"] != "skipped" {
                self.check_log(client, &whole)?;
            }
        }
        Ok(())
    }

    /// Lines are numbered from 1 without a gap, attempt by attempt, and those that came with the end are all there.
    fn check_log(&self, client: &Client<'_>, run: &Value) -> io::Result<()> {
        let page = client.read(&format!("/v1/runs/{}/logs?limit=10000", text(run, "run_id")))?;
        let lines = list(&page, "logs");
        assert!(lines.iter().enumerate().all(|(place, line)| line["seq"] == place + 1), "{page}");
        assert!(lines.is_sorted_by_key(|line| line["attempt"].as_u64()), "a line of an attempt that was over: {page}");
        // The last lines of an attempt come with its end, in one transaction.
        // One whose own question met a store that was away ended before them.
        let was_away = |one: &&Value| one["error"]["code"] == "STORE_UNAVAILABLE";
        let ended = list(run, "attempts").iter().filter(|one| one["end"] == "success" || one["end"] == "failed");
        let ended = ended.filter(|one| !was_away(one));
        for attempt in ended.map(|attempt| &attempt["number"]) {
            let Some(wanted) = script::lines(text(run, "func"), attempt.as_u64().unwrap()) else { break };
            let mut seen = BTreeSet::new();
            let printed: Vec<&str> = lines
                .iter()
                .filter(|line| line["attempt"] == *attempt && line["stream"] == "stdout")
                .map(|line| text(line, "text"))
                .filter(|line| seen.insert(*line) || !self.lines_may_repeat)
                .collect();
            assert_eq!(printed, wanted, "{run} {page}");
        }
        Ok(())
    }

    /// Checks that no run that was seen is gone.
    pub(crate) fn check_presence(&self, present: &BTreeSet<String>) {
        let gone: Vec<&String> = self.ended.keys().filter(|id| !present.contains(*id)).collect();
        assert!(gone.is_empty(), "runs that had ended are gone: {gone:?}");
    }
}

/// Says whether a run has ended.
pub(crate) fn has_ended(run: &Value) -> bool {
    !matches!(text(run, "status"), "queued" | "running")
}

/// A run that has ended has an end for each attempt, and they are numbered in turn.
fn check_attempts(run: &Value) {
    let attempts = list(run, "attempts");
    assert!(run["completed_at"].is_string(), "{run}");
    for (place, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["number"], place + 1, "{run}");
        assert!(attempt["ended_at"].is_string() && attempt["end"].is_string(), "{run}");
    }
    assert!(run["status"] != "success" || run["attempt"] == attempts.len(), "{run}");
}

/// The counter that `counting` keeps in its state grows from each success to the next, since it runs one at a time; returns
/// its last value.
pub(crate) fn check_counter(client: &Client<'_>, runs: &[Value]) -> io::Result<u64> {
    let mut last = 0;
    // The list has the latest due time first.
    for run in runs.iter().rev().filter(|run| run["func"] == "counting" && run["status"] == "success") {
        let whole = client.read(&format!("/v1/runs/{}", text(run, "run_id")))?;
        let count = whole["result"].as_u64().unwrap();
        assert!(count > last, "the state went from {last} back to {count}: {whole}");
        last = count;
    }
    Ok(last)
}
