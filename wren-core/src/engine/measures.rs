//! What an engine counts and times, under the names that operators see.
//!
//! The figures go to whatever recorder the process has installed for the [`metrics`] facade, and nowhere without one. Labels have
//! few values each: none is an owner, an id or a name that somebody chose.

use chrono::{DateTime, TimeDelta, Utc};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::SourceHealth;
use crate::error::ErrorCode;
use crate::model::{Run, RunState, TriggerKind};
use crate::source::WatchState;

const FIRES: &str = "wren_fires_total";
const START_DELAY: &str = "wren_run_start_delay_seconds";
const RUNS: &str = "wren_runs_total";
const RUN_DURATION: &str = "wren_run_duration_seconds";
const QUEUE_AGE: &str = "wren_queue_age_seconds";
const PLACES: &str = "wren_run_places";
const PLACES_TAKEN: &str = "wren_run_places_taken";
const HOST_CALLS: &str = "wren_host_calls_total";
const HOST_CALL_DURATION: &str = "wren_host_call_seconds";
const WATCHES: &str = "wren_watches";
const WATCH_LAG: &str = "wren_watch_lag_seconds";
const SOURCE_RESTARTS: &str = "wren_source_restarts_total";

/// Tells the process's recorder what the figures of engines are; once is enough.
pub fn describe_measures() {
    describe_counter!(FIRES, "Due times and events that were recorded, by the trigger's kind");
    describe_histogram!(START_DELAY, Unit::Seconds, "From when an attempt might start until it started");
    describe_counter!(
        RUNS,
        "Attempts that ended, by how they ended and what they ran in; a retry is one that is tried again"
    );
    describe_histogram!(RUN_DURATION, Unit::Seconds, "How long attempts took, by how they ended and what they ran in");
    describe_gauge!(
        QUEUE_AGE,
        Unit::Seconds,
        "For how long the oldest run of the latest claim could have been running; 0 after a claim that found none. Nothing is \
         claimed while all places are taken"
    );
    describe_gauge!(PLACES, "How many runs may run at once");
    describe_gauge!(PLACES_TAKEN, "How many do");
    describe_counter!(
        HOST_CALLS,
        "What scripts asked of the platform, by what it was and by how it ended: ok or an error code"
    );
    describe_histogram!(HOST_CALL_DURATION, Unit::Seconds, "How long the answers took, by what was asked");
    describe_gauge!(WATCHES, "What sources watch, mailboxes say, by what this node is doing about it");
    describe_gauge!(WATCH_LAG, Unit::Seconds, "For how long something new may have gone unseen where that is longest");
    describe_counter!(SOURCE_RESTARTS, "How often a source stopped and was started again");
}

/// Fires of one kind were recorded.
pub(super) fn fired(kind: TriggerKind, count: usize) {
    counter!(FIRES, "kind" => kind.as_str()).increment(count as u64);
}

/// A claim was made.
pub(super) fn claimed(runs: &[Run], now: DateTime<Utc>) {
    let oldest = runs.iter().map(|run| run.not_before).min();
    gauge!(QUEUE_AGE).set(oldest.map_or(0.0, |oldest| seconds(now - oldest)));
}

/// So many of all places for runs are taken.
pub(super) fn places(taken: usize, all: usize) {
    gauge!(PLACES).set(all as f64);
    gauge!(PLACES_TAKEN).set(taken as f64);
}

/// The host has answered a script.
pub(super) fn host_call(op: &'static str, error: Option<ErrorCode>, took: TimeDelta) {
    let outcome = error.map_or("ok", ErrorCode::as_str);
    counter!(HOST_CALLS, "op" => op, "outcome" => outcome).increment(1);
    histogram!(HOST_CALL_DURATION, "op" => op).record(seconds(took));
}

/// An attempt starts.
pub(super) fn started(run: &Run, now: DateTime<Utc>) {
    histogram!(START_DELAY, "kind" => run.trigger.as_str()).record(seconds(now - run.not_before));
}

/// Says how an attempt ended, by the run as it is then.
pub(super) fn outcome(run: &Run) -> &'static str {
    if run.state == RunState::Queued { "retry" } else { run.state.as_str() }
}

/// An attempt has ended: the run is as it is then.
pub(super) fn ended(run: &Run, executor: &str, took: TimeDelta) {
    let outcome = outcome(run);
    counter!(RUNS, "outcome" => outcome, "executor" => executor.to_owned()).increment(1);
    histogram!(RUN_DURATION, "outcome" => outcome, "executor" => executor.to_owned()).record(seconds(took));
}

/// How a source is doing: `seen` is since when something that it watches here has not been seen to be well.
pub(super) fn source(source: &SourceHealth, seen: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    let kind = source.kind.as_str();
    for state in WatchState::ALL {
        let count = source.accounts.iter().filter(|account| account.state == state).count();
        gauge!(WATCHES, "kind" => kind, "state" => state.as_str()).set(count as f64);
    }
    gauge!(WATCH_LAG, "kind" => kind).set(seen.map_or(0.0, |seen| seconds(now - seen)));
    counter!(SOURCE_RESTARTS, "kind" => kind).absolute(source.restarts);
}

fn seconds(time: TimeDelta) -> f64 {
    // Clocks may differ.
    time.max(TimeDelta::zero()).as_seconds_f64()
}
