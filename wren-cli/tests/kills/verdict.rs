//! The end: what was promised is there, and nothing besides.

use std::collections::BTreeSet;
use std::io;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::client::{Client, list, text};
use super::due::{self, instant};
use super::ledger::{Ledger, check_counter, has_ended};
use super::script;
use super::support::eventually;
use super::traffic::Traffic;

/// Lets everything come to its end on a server that nothing is in the way of any more, and checks all of it.
pub(crate) fn settle(client: &Client<'_>, traffic: &mut Traffic, ledger: &mut Ledger) {
    ledger.look(client, traffic).unwrap();
    let round = traffic.rounds();
    eventually("the end of a round", || {
        traffic.step(client).unwrap();
        (traffic.rounds() > round).then_some(())
    });
    let until = Utc::now();
    eventually("the end of every run", || everything_has_ended(client, traffic, until).unwrap().then_some(()));

    let mut present = BTreeSet::new();
    let mut asked = BTreeSet::new();
    let steady = traffic.steady.as_ref().unwrap();
    for promised in traffic.passing.iter().chain([steady]) {
        let runs = client.read_runs(&format!("/v1/deployments/{}/runs", promised.id)).unwrap();
        match promised.removed_at {
            None => due::assert_one_run_each(&runs, script::TRIGGERS, promised.created_at, until),
            Some(removed_at) => check_removed(client, &promised.id, &runs, promised.created_at, removed_at),
        }
        ledger.check(client, &runs).unwrap();
        present.extend(runs.iter().map(|run| text(run, "run_id").to_owned()));
        let manual = runs.iter().filter(|run| run["trigger"] == "manual");
        asked.extend(manual.map(|run| text(run, "run_id").to_owned()));
    }
    ledger.check_presence(&present);
    assert_eq!(asked, traffic.runs.values().cloned().collect(), "a manual run for each key, and no other");
    check_deployments(client, traffic);
    check_cancelled(client, traffic);
    check_state(client, &steady.id);
}

/// Says whether every trigger that stands has its run of the present, and no run due up to then is still to end.
fn everything_has_ended(client: &Client<'_>, traffic: &Traffic, until: DateTime<Utc>) -> io::Result<bool> {
    let id = &traffic.steady.as_ref().unwrap().id;
    let latest = client.read(&format!("/v1/deployments/{id}/runs?limit=50"))?;
    let ends = due::assert_no_gap(list(&latest, "runs"));
    let is_recorded = ends.len() == script::TRIGGERS && ends.values().all(|(_, last)| *last >= until);
    let mut left = client.read_runs("/v1/runs?status=queued")?;
    left.extend(client.read_runs("/v1/runs?status=running")?);
    Ok(is_recorded && left.iter().all(|run| instant(run, "scheduled_for") > until && run["deployment_id"] == **id))
}

/// Due times of a deployment that was removed begin after it was made, end when it was removed and leave none out; its
/// runs have ended.
fn check_removed(client: &Client<'_>, id: &str, runs: &[Value], created_at: DateTime<Utc>, removed_at: DateTime<Utc>) {
    assert!(runs.iter().all(has_ended), "{runs:?}");
    for (first, last) in due::assert_no_gap(runs).into_values() {
        assert_eq!(first.timestamp(), created_at.timestamp() + 1, "the first due time of {id}");
        assert!(last <= removed_at, "{id} was removed at {removed_at} and fired at {last}");
    }
    let shown = client.read(&format!("/v1/deployments/{id}")).unwrap();
    assert_eq!((&shown["status"], &shown["triggers"]), (&"undeployed".into(), &0.into()), "{shown}");
}

/// What was deployed is there, once.
fn check_deployments(client: &Client<'_>, traffic: &Traffic) {
    let mut found = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = client.read(&format!("/v1/deployments?status=undeployed&limit=200{cursor}")).unwrap();
        found.extend(list(&page, "deployments").iter().map(|shown| text(shown, "id").to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, traffic.passing.iter().map(|promised| promised.id.clone()).collect());
    let steady = traffic.steady.as_ref().unwrap();
    let standing = client.read("/v1/deployments").unwrap();
    assert_eq!(list(&standing, "deployments").len(), 1, "{standing}");
    let shown = client.read(&format!("/v1/deployments/{}", steady.id)).unwrap();
    assert_eq!(shown["revision"], steady.revision, "{shown}");
}

/// After a cancellation was confirmed no further attempt began.
fn check_cancelled(client: &Client<'_>, traffic: &Traffic) {
    for (run, attempt) in &traffic.cancelled {
        let run = client.read(&format!("/v1/runs/{run}")).unwrap();
        assert_eq!(run["attempt"], *attempt, "{run}");
    }
}

/// The counter never went back.
fn check_state(client: &Client<'_>, id: &str) {
    let runs = client.read_runs(&format!("/v1/deployments/{id}/runs?status=success")).unwrap();
    let counted = check_counter(client, &runs).unwrap();
    let path = format!("/v1/deployments/{id}/runs");
    let (_, run) = client.ask("POST", &path, &[], &json!({"func": "total"})).unwrap();
    let path = format!("/v1/runs/{}", text(&run, "run_id"));
    let run = eventually("the total", || client.read(&path).ok().filter(|run| run["status"] == "success"));
    assert!(run["result"].as_u64().unwrap() >= counted, "{counted} was counted: {run}");
}
