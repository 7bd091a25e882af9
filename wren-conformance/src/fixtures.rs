//! Test data: the same in every run, small to write down, and complete.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use wren_core::deploy::sha256_hex;
use wren_core::model::{
    CatchUp, Completion, Fence, FireKey, LogLine, LogStream, Manifest, Overlap, Run, RunPolicy, ScheduleConfig,
    ScriptSettings, Trigger, TriggerKind, TriggerSpec,
};
use wren_core::schedule::{CronExpr, Every, Schedule, Timezone};
use wren_core::store::{
    ClaimLimits, ClaimOptions, EnqueueRun, FinishOptions, Fire, Held, NewTrigger, PutRevision, SetStatus,
};
use wren_core::{
    CorrelationId, DeploymentId, DeploymentName, Error, ErrorCode, OwnerId, RunId, TriggerId, WireError, WorkerId,
};

/// When the tests begin: noon of the first of March 2026, UTC.
pub const NOW: DateTime<Utc> = match DateTime::from_timestamp(1_772_366_400, 0) {
    Some(now) => now,
    None => panic!("a valid instant"),
};

/// How long the leases of [`claim`] last.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Returns the instant `seconds` after [`NOW`].
#[must_use]
pub fn at(seconds: i64) -> DateTime<Utc> {
    NOW + TimeDelta::seconds(seconds)
}

/// Returns an owner.
#[must_use]
pub fn owner(name: &str) -> OwnerId {
    OwnerId::new(name).unwrap()
}

/// Returns the owner that most tests are about.
#[must_use]
pub fn ada() -> OwnerId {
    owner("ada@example.com")
}

/// Returns another owner.
#[must_use]
pub fn bob() -> OwnerId {
    owner("bob@example.com")
}

/// Returns a worker.
#[must_use]
pub fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

/// Returns a deployment's name.
#[must_use]
pub fn named(name: &str) -> DeploymentName {
    DeploymentName::new(name).unwrap()
}

/// Returns a correlation id.
#[must_use]
pub fn correlation() -> CorrelationId {
    CorrelationId::new("corr_test").unwrap()
}

/// Returns the 26 characters of an id that is new in this process and sorts after those made before.
fn suffix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:026}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a new deployment id, later than those before.
#[must_use]
pub fn deployment_id() -> DeploymentId {
    format!("dep_{}", suffix()).parse().unwrap()
}

/// Returns a new trigger id, later than those before.
#[must_use]
pub fn trigger_id() -> TriggerId {
    format!("trg_{}", suffix()).parse().unwrap()
}

/// Returns a new run id, later than those before.
#[must_use]
pub fn run_id() -> RunId {
    format!("run_{}", suffix()).parse().unwrap()
}

/// Returns a trigger that is due every minute and calls `func`; its runs may overlap.
#[must_use]
pub fn every_minute(func: &str) -> TriggerSpec {
    let schedule = Schedule::every(Every::parse("1m").unwrap(), NOW);
    let config = json!({"every": "1m"});
    TriggerSpec {
        kind: TriggerKind::Schedule,
        func: func.to_owned(),
        config: object(config),
        schedule: Some(ScheduleConfig {
            schedule,
            catch_up: CatchUp::default(),
            catch_up_window_ms: 3_600_000,
            jitter_ms: 0,
        }),
        policy: RunPolicy { overlap: Overlap::Allow, ..RunPolicy::default() },
        max_event_age_ms: None,
    }
}

/// Returns a trigger that is due at nine in the morning and calls `func`. Its config names no zone: the zone is, as it were,
/// a setting of the whole script.
#[must_use]
pub fn at_nine(func: &str, zone: &str) -> TriggerSpec {
    let mut spec = every_minute(func);
    spec.config = object(json!({"cron": "0 9 * * *"}));
    if let Some(config) = &mut spec.schedule {
        config.schedule = Schedule::cron(CronExpr::parse("0 9 * * *").unwrap(), Timezone::parse(zone).unwrap());
    }
    spec
}

/// Returns the same trigger with another overlap policy.
#[must_use]
pub fn with_overlap(mut spec: TriggerSpec, overlap: Overlap) -> TriggerSpec {
    spec.policy.overlap = overlap;
    spec
}

/// Returns a trigger that calls `func` for mails; its runs may overlap.
#[must_use]
pub fn on_email(func: &str) -> TriggerSpec {
    TriggerSpec {
        kind: TriggerKind::Email,
        func: func.to_owned(),
        config: object(json!({"subject": "invoice"})),
        schedule: None,
        policy: RunPolicy { overlap: Overlap::Allow, ..RunPolicy::default() },
        max_event_age_ms: None,
    }
}

/// Returns the object inside a JSON value.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

/// Returns a revision to deploy at [`NOW`], whose script says nothing but its name.
#[must_use]
pub fn revision(name: &str, triggers: Vec<TriggerSpec>) -> PutRevision {
    with_script(name, &format!("# {name}\n"), triggers)
}

/// Returns a revision to deploy at [`NOW`].
#[must_use]
pub fn with_script(name: &str, script: &str, triggers: Vec<TriggerSpec>) -> PutRevision {
    PutRevision {
        deployment_id: deployment_id(),
        name: named(name),
        only: None,
        script: script.to_owned(),
        script_sha256: sha256_hex(script),
        manifest: Manifest {
            integrations: vec!["gmail".into()],
            functions: triggers.iter().map(|trigger| trigger.func.clone()).collect(),
            triggers: triggers.clone(),
            settings: ScriptSettings::default(),
        },
        triggers: triggers.into_iter().map(|spec| NewTrigger { id: trigger_id(), spec }).collect(),
        now: NOW,
    }
}

/// Returns a change of status at [`NOW`].
#[must_use]
pub fn status(status: wren_core::model::DeploymentStatus) -> SetStatus {
    SetStatus { status, reason: None, action_url: None, paused_until: None, only_if: None, now: NOW }
}

/// Returns a fire of a due time.
#[must_use]
pub fn fire(trigger: &Trigger, due: DateTime<Utc>) -> Fire {
    Fire {
        run_id: run_id(),
        trigger_id: trigger.id,
        key: FireKey::Scheduled(due),
        scheduled_for: due,
        payload: None,
        not_before: due,
        skip: None,
        correlation_id: correlation(),
    }
}

/// Returns a fire of an event that came at [`NOW`].
#[must_use]
pub fn event(trigger: &Trigger, key: &str) -> Fire {
    Fire { key: FireKey::Event(key.to_owned()), payload: Some(json!({"key": key})), ..fire(trigger, NOW) }
}

/// Returns a request for a run of a deployment at [`NOW`].
#[must_use]
pub fn request(deployment_id: DeploymentId) -> EnqueueRun {
    EnqueueRun {
        run_id: run_id(),
        deployment_id,
        revision: None,
        func: "main".into(),
        payload: None,
        policy: RunPolicy::default(),
        idempotency_key: None,
        only_existing: false,
        correlation_id: correlation(),
        now: NOW,
    }
}

/// Returns limits that no test reaches but by `batch`.
#[must_use]
pub fn limits(batch: usize) -> ClaimLimits {
    ClaimLimits { batch, per_deployment: 100_000, per_owner: 100_000 }
}

/// Returns a claim of everything due at `now`, with a lease of [`LEASE`].
#[must_use]
pub fn claim(now: DateTime<Utc>) -> ClaimOptions {
    ClaimOptions { worker: worker("wkr_one"), now, lease: LEASE, limits: limits(10_000) }
}

/// Returns what a worker holds after it claimed a run.
#[must_use]
pub fn held(run: &Run) -> Held {
    Held { run_id: run.id, fence: Fence { epoch: run.epoch } }
}

/// Returns the end of an attempt at `now`, without logs.
#[must_use]
pub fn finish(run: &Run, completion: Completion, now: DateTime<Utc>) -> FinishOptions {
    FinishOptions { held: held(run), completion, isolation: None, logs: Vec::new(), now }
}

/// Returns the completion of a function that returned its greeting.
#[must_use]
pub fn success() -> Completion {
    Completion::Success(json!("hello"))
}

/// Returns the completion of a function that raised and is to be tried again.
#[must_use]
pub fn retry(not_before: DateTime<Utc>) -> Completion {
    Completion::Retry { error: failure("raised"), timed_out: false, not_before }
}

/// Returns the error of a script that raised.
#[must_use]
pub fn failure(message: &str) -> WireError {
    WireError::from(&Error::new(ErrorCode::ScriptException, message))
}

/// Returns a line on standard output at [`NOW`].
#[must_use]
pub fn line(text: &str) -> LogLine {
    LogLine { at: NOW, stream: LogStream::Stdout, text: text.to_owned() }
}

/// Returns JSON values that a store may get wrong: unicode, escapes, the ends of numbers, deep nesting.
#[must_use]
pub fn odd_json() -> Vec<Value> {
    let nested = (0..60).fold(json!("deep"), |value, depth| match depth % 2 {
        0 => json!([value]),
        _ => json!({"k": value}),
    });
    vec![
        json!(null),
        json!(false),
        json!(""),
        json!([]),
        json!({}),
        json!("null"),
        json!(0.1),
        json!(-0.5e-9),
        json!(u64::MAX),
        json!(i64::MIN),
        json!({"": {"": [null, [], {}]}}),
        json!({"نام": "שלום", "名前": "🐦‍⬛", "e\u{301}": "é", "quote\"\\": "\u{0}\u{1}\n\u{7f}\u{2028}\u{fffd}\u{10ffff}"}),
        nested,
    ]
}
