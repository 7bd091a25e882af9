//! Quotas at the engine's seams: what is over them is refused or recorded as skipped, and nothing is lost in silence.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use support::faulty::{Fault, FaultyStore, Op};
use support::{Act, World, all_done, start_time};
use tokio_util::sync::CancellationToken;
use wren_core::clock::{Clock, ManualClock};
use wren_core::deploy::DeployRequest;
use wren_core::engine::{EngineOptions, RetryRun, RunNow};
use wren_core::memory::MemoryStore;
use wren_core::model::{LogStream, Run, RunState, SkipReason, Trigger, TriggerKind};
use wren_core::quota::{Limit, OwnerQuotas, QuotaOverrides, Quotas};
use wren_core::source::{AccountHealth, EventSink, Preview, PreviewOptions, SourceEvent, TriggerSource, Watched};
use wren_core::store::Store;
use wren_core::{Error, ErrorCode};

const EVERY_SECOND: &str = "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef tick():\n    pass\n";
const TWO: &str = "import wren\n\n@wren.on_schedule(\"@daily\")\ndef one():\n    pass\n\n@wren.on_schedule(\"@daily\")\ndef two():\n    pass\n";

fn limited(change: impl FnOnce(&mut Quotas)) -> World {
    World::new(|options| change(&mut options.quotas))
}

async fn deploy(world: &World, name: &str, script: &str) -> Result<(), Error> {
    let request = DeployRequest { script: script.to_owned(), name: Some(name.to_owned()), ..DeployRequest::default() };
    world.engine.deploy(&world.owner, request).await.map(drop)
}

async fn set(world: &World, change: impl FnOnce(&mut QuotaOverrides)) {
    let mut own = QuotaOverrides::default();
    change(&mut own);
    let quotas = OwnerQuotas::new(Arc::<dyn Store>::clone(world.engine.store()) as _);
    quotas.set(&world.owner, own, world.clock.now()).await.unwrap();
}

fn details(error: &Error) -> (ErrorCode, &str, u64, u64) {
    let number = |key: &str| error.details()[key].as_u64().unwrap();
    (error.code(), error.details()["quota"].as_str().unwrap(), number("limit"), number("used"))
}

fn queued_for_good(runs: &[Run]) -> usize {
    runs.iter().filter(|run| run.state != RunState::Skipped).count()
}

fn over(runs: &[Run]) -> usize {
    runs.iter().filter(|run| run.skip_reason == Some(SkipReason::Quota)).count()
}

#[tokio::test]
async fn a_deploy_that_adds_a_deployment_beyond_the_quota_is_refused_and_one_that_does_not_is_taken() {
    let world = limited(|quotas| quotas.deployments = Some(2));
    deploy(&world, "a", TWO).await.unwrap();
    deploy(&world, "b", TWO).await.unwrap();
    let error = deploy(&world, "c", TWO).await.unwrap_err();
    assert_eq!(details(&error), (ErrorCode::QuotaExceeded, "deployments", 2, 2));
    assert!(error.hint().is_some() && !error.retryable());
    deploy(&world, "b", EVERY_SECOND).await.unwrap();
    let a = world.engine.deployments(&world.owner, Default::default()).await.unwrap().items.pop().unwrap();
    world.engine.undeploy(&world.owner, a.deployment.id).await.unwrap();
    deploy(&world, "c", TWO).await.unwrap();
}

#[tokio::test]
async fn a_deploy_that_adds_triggers_beyond_the_quota_is_refused_and_what_stands_stays() {
    let world = limited(|quotas| quotas.triggers = Some(3));
    deploy(&world, "a", TWO).await.unwrap();
    let error = deploy(&world, "b", TWO).await.unwrap_err();
    assert_eq!(details(&error), (ErrorCode::QuotaExceeded, "triggers", 3, 2));
    deploy(&world, "b", EVERY_SECOND).await.unwrap();
    assert!(deploy(&world, "b", TWO).await.is_err(), "the new revision has one more");
    // What is over a quota that was lowered may still be changed, as long as it does not grow.
    set(&world, |own| own.triggers = Some(Limit::AtMost(1))).await;
    deploy(&world, "a", &TWO.replace("@daily", "@hourly")).await.unwrap();
    let usage = world.engine.usage(&world.owner).await.unwrap();
    assert_eq!((usage.deployments, usage.triggers, usage.quotas.triggers), (2, 3, Some(1)));
}

#[tokio::test]
async fn of_deploys_at_once_no_more_are_stored_than_the_quota_allows() {
    let world = Arc::new(limited(|quotas| quotas.deployments = Some(3)));
    let deploys: Vec<_> = (0..8)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { deploy(&world, &format!("d{number}"), TWO).await.is_ok() })
        })
        .collect();
    let mut stored = 0;
    for one in deploys {
        stored += usize::from(one.await.unwrap());
    }
    assert_eq!(stored, 3);
}

#[tokio::test]
async fn both_quotas_that_a_deploy_is_over_are_named_at_once() {
    let world = limited(|quotas| (quotas.deployments, quotas.triggers) = (Some(0), Some(1)));
    let error = deploy(&world, "a", TWO).await.unwrap_err();
    let listed = error.details()["diagnostics"].as_array().unwrap();
    let names: Vec<_> = listed.iter().map(|one| one["details"]["quota"].as_str().unwrap()).collect();
    assert_eq!(names, ["deployments", "triggers"]);
}

#[tokio::test]
async fn a_due_time_over_the_quota_is_recorded_as_skipped_for_it_and_the_next_day_runs_again() {
    let mut world = limited(|quotas| quotas.runs_per_day = Some(3));
    world.deploy(&EVERY_SECOND.replace("1s", "1h")).await;
    world.run();
    for hour in 1..=5 {
        world.clock.advance(TimeDelta::hours(1));
        world.until("the due time", all_done(hour)).await;
    }
    let runs = world.runs().await;
    assert_eq!((queued_for_good(&runs), over(&runs)), (3, 2));
    assert!(runs[..3].iter().all(|run| run.state == RunState::Success), "the earlier ones run");
    let usage = world.engine.usage(&world.owner).await.unwrap();
    assert_eq!((usage.runs_today, usage.log_bytes_today), (Some(3), None));
    assert_eq!(usage.resets_at, "2026-03-02T00:00:00Z".parse::<DateTime<Utc>>().unwrap());
    // The due times in between are late and coalesce; the latest of them is of the new day.
    world.clock.set(usage.resets_at);
    let runs = world.until("the next day", |runs| all_done(15)(runs)).await;
    let last = runs.last().unwrap();
    assert_eq!((last.scheduled_for, last.state, queued_for_good(&runs)), (usage.resets_at, RunState::Success, 4));
    world.stop().await;
}

#[tokio::test]
async fn a_run_asked_for_over_the_quota_is_refused_and_a_request_made_before_is_answered_as_then() {
    let world = limited(|quotas| quotas.runs_per_day = Some(2));
    let id = world.deploy("def job():\n    pass\n").await;
    let ask =
        |key: &str| world.engine.run_now(&world.owner, id, RunNow::default().idempotency_key(Some(key.to_owned())));
    let first = ask("one").await.unwrap();
    assert_eq!(ask("one").await.unwrap().id, first.id, "the same request counts once");
    ask("two").await.unwrap();
    let error = ask("three").await.unwrap_err();
    assert_eq!(details(&error), (ErrorCode::QuotaExceeded, "runs_per_day", 2, 2));
    assert!(error.retryable());
    assert_eq!(error.details()["retry_after_s"], 15 * 3600 + 1);
    assert_eq!(ask("one").await.unwrap().id, first.id);
    set(&world, |own| own.runs_per_day = Some(Limit::Unlimited)).await;
    ask("three").await.unwrap();
}

#[tokio::test]
async fn a_run_that_repeats_another_counts_and_over_the_quota_is_refused() {
    let mut world = limited(|quotas| quotas.runs_per_day = Some(2));
    let id = world.deploy("def job():\n    pass\n").await;
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.engine.wait_for(&world.owner, run.id).await.unwrap();
    let again =
        |key: &str| world.engine.retry(&world.owner, run.id, RetryRun::default().idempotency_key(Some(key.to_owned())));
    let repeated = again("one").await.unwrap();
    let error = again("two").await.unwrap_err();
    assert_eq!(details(&error), (ErrorCode::QuotaExceeded, "runs_per_day", 2, 2));
    assert_eq!(again("one").await.unwrap().id, repeated.id, "the same request is answered as then");
    world.stop().await;
}

#[tokio::test]
async fn further_attempts_of_a_run_do_not_count() {
    let mut world = limited(|quotas| quotas.runs_per_day = Some(1));
    world.acting.act("tick", Act::FailTimes(2, ErrorCode::ScriptException));
    world.deploy(&EVERY_SECOND.replace("every=\"1s\"", "every=\"1h\", retries=3")).await;
    world.run();
    world.clock.advance(TimeDelta::hours(1));
    let runs = world.pass_time_until("the third attempt", TimeDelta::seconds(10), all_done(1)).await;
    assert_eq!((runs[0].state, runs[0].attempt), (RunState::Success, 3), "{runs:#?}");
    world.stop().await;
}

#[tokio::test]
async fn a_due_time_that_is_recorded_twice_over_a_lost_answer_counts_once() {
    let store = Arc::new(FaultyStore::default());
    let mut world = World::on(store.clone(), ManualClock::new(start_time()), |options| {
        options.quotas.runs_per_day = Some(3);
    });
    world.deploy(EVERY_SECOND).await;
    store.inject(Op::RecordFires, 1, Fault::Forgotten);
    world.run();
    for second in 1..=4 {
        world.clock.advance(TimeDelta::seconds(1));
        world.until("the due time", all_done(second)).await;
    }
    let runs = world.runs().await;
    assert_eq!((queued_for_good(&runs), over(&runs)), (3, 1));
    world.stop().await;
}

#[tokio::test]
async fn what_is_skipped_for_another_reason_does_not_count() {
    let mut world = limited(|quotas| quotas.runs_per_day = Some(2));
    let id = world.deploy(EVERY_SECOND).await;
    world.engine.pause(&world.owner, id, None, None).await.unwrap();
    world.run();
    for second in 1..=4 {
        world.clock.advance(TimeDelta::seconds(1));
        world.until("the skipped due time", all_done(second)).await;
    }
    assert!(world.runs().await.iter().all(|run| run.skip_reason == Some(SkipReason::Paused)));
    assert_eq!(world.engine.usage(&world.owner).await.unwrap().runs_today, Some(0));
    world.stop().await;
}

#[tokio::test]
async fn a_quota_outlives_the_process() {
    let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::new(start_time()));
    for restart in 0..4 {
        let mut world = World::on(store.clone(), clock.clone(), |options| options.quotas.runs_per_day = Some(3));
        let id = world.deploy("def job():\n    pass\n").await;
        world.run();
        let asked = world.engine.run_now(&world.owner, id, RunNow::default()).await;
        assert_eq!(asked.is_ok(), restart < 3, "{asked:?}");
        world.until("the run", all_done(1)).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn lines_over_the_quota_are_dropped_under_one_mark_and_the_run_goes_on() {
    // "attempt 1" costs 73 bytes, and a line of 1,024 bytes 1,088.
    let mut world = limited(|quotas| quotas.log_bytes_per_day = Some(73 + 5 * 1_088 + 100));
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Print(20));
    world.run();
    for (number, lines) in [(1, 6), (2, 1)] {
        let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
        let run = world.engine.wait_for(&world.owner, run.id).await.unwrap();
        assert_eq!(run.state, RunState::Success);
        let logs = world.engine.logs(&world.owner, run.id, 0, 100).await.unwrap();
        let marks: Vec<_> = logs.iter().filter(|entry| entry.stream == LogStream::System).collect();
        assert_eq!((logs.len() - marks.len(), marks.len()), (lines, 1), "run {number}: {logs:?}");
        assert!(marks[0].text.starts_with("output truncated: ") && marks[0].text.contains("5613 log bytes"));
        assert_eq!(logs.last().unwrap().seq, marks[0].seq, "nothing comes after the mark");
    }
    world.stop().await;
}

#[tokio::test]
async fn lines_count_once_when_the_store_fails_while_they_are_appended() {
    let store = Arc::new(FaultyStore::default());
    let mut world = World::on(store.clone(), ManualClock::new(start_time()), |options| {
        options.quotas.log_bytes_per_day = Some(73 + 20 * 1_088);
    });
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Print(20));
    store.inject(Op::AppendLogs, 3, Fault::Down);
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.engine.wait_for(&world.owner, run.id).await.unwrap();
    let logs = world.engine.logs(&world.owner, run.id, 0, 100).await.unwrap();
    assert_eq!(logs.len(), 21, "{logs:?}");
    world.stop().await;
}

#[tokio::test]
async fn an_event_whose_recording_got_no_answer_counts_also_when_it_is_emitted_again() {
    let store = Arc::new(FaultyStore::default());
    let (source, clock) = (Quiet, ManualClock::new(start_time()));
    let limits = |options: &mut EngineOptions| options.quotas.runs_per_day = Some(4);
    let world = World::built(store.clone(), clock, limits, |builder| builder.source(source));
    world.deploy("import wren\n\n@wren.on_email(subject=\"x\")\ndef job(email):\n    pass\n").await;
    let sink = world.engine.sink(TriggerKind::Email);
    let trigger_id = sink.triggers().await.unwrap()[0].id;
    let emit = async |keys: &[&str]| {
        let event = |key: &&str| SourceEvent {
            trigger_id,
            dedupe_key: (*key).to_owned(),
            at: start_time(),
            payload: serde_json::json!({}),
        };
        sink.emit(keys.iter().map(event).collect::<Vec<_>>().into()).await
    };
    store.inject(Op::RecordFires, 1, Fault::Forgotten);
    assert!(emit(&["a", "b"]).await.unwrap_err().retryable());
    // They are there already, and what these took goes back.
    emit(&["a", "b"]).await.unwrap();
    emit(&["c", "d", "e"]).await.unwrap();
    let runs = world.runs().await;
    assert_eq!((queued_for_good(&runs), over(&runs)), (4, 1), "never more than the quota");
    // What is refused for good is not recorded, and costs nothing.
    set(&world, |own| own.runs_per_day = Some(Limit::AtMost(5))).await;
    world.clock.advance(TimeDelta::seconds(10));
    store.refuse_fires(|_| true);
    assert!(!emit(&["f"]).await.unwrap_err().retryable());
    store.mend();
    emit(&["f"]).await.unwrap();
    assert_eq!(queued_for_good(&world.runs().await), 5);
}

#[tokio::test]
async fn a_stop_gives_back_what_is_certain_not_to_be_recorded_and_nothing_else() {
    for (is_certain, counted) in [(true, 0), (false, 1)] {
        let store = Arc::new(FaultyStore::default());
        let limits = |options: &mut EngineOptions| options.quotas.runs_per_day = Some(1_600);
        let mut world = World::on(store.clone(), ManualClock::new(start_time()), limits);
        world.deploy(EVERY_SECOND).await;
        match is_certain {
            true => store.refuse_fires(|_| true),
            false => store.inject(Op::RecordFires, 1, Fault::HeldBefore(CancellationToken::new())),
        }
        world.run();
        world.clock.advance(TimeDelta::seconds(1));
        store.all_calls(Op::RecordFires, 1).await;
        world.stop().await;
        let other = World::on(store, world.clock.clone(), limits);
        let usage = other.engine.usage(&other.owner).await.unwrap();
        assert_eq!(usage.runs_today, Some(counted), "{is_certain}");
    }
}

#[tokio::test]
async fn a_run_asked_for_after_the_stop_takes_no_more_than_it_needs() {
    let store = Arc::new(MemoryStore::default());
    let limits = |options: &mut EngineOptions| options.quotas.runs_per_day = Some(1_600);
    let mut world = World::on(store.clone(), ManualClock::new(start_time()), limits);
    let id = world.deploy("def job():\n    pass\n").await;
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.engine.wait_for(&world.owner, run.id).await.unwrap();
    world.stop().await;
    // As the API does while its requests drain.
    world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    let other = World::on(store, ManualClock::new(start_time()), limits);
    assert_eq!(other.engine.usage(&other.owner).await.unwrap().runs_today, Some(2), "of which no block is missing");
}

#[tokio::test]
async fn two_engines_on_a_store_share_a_quota_of_runs() {
    let store = Arc::new(FaultyStore::shared());
    let limits = |options: &mut EngineOptions| options.quotas.runs_per_day = Some(40);
    let mut worlds = [(); 2].map(|()| World::on(store.clone(), ManualClock::new(start_time()), limits));
    let id = worlds[0].deploy("def job():\n    pass\n").await;
    for world in &mut worlds {
        world.run();
    }
    let ask = |number: usize| worlds[number % 2].engine.run_now(&worlds[0].owner, id, RunNow::default());
    let asked = futures::future::join_all((0..60).map(ask)).await;
    assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 40);
    let mut refused = asked.iter().filter_map(|asked| asked.as_ref().err());
    assert!(refused.all(|error| error.code() == ErrorCode::QuotaExceeded));
    for world in &mut worlds {
        world.stop().await;
    }
}

/// A run that prints, over the quota, and again after `meanwhile`; returns what it printed, under the marks.
async fn printed_before_and_after(start: &str, meanwhile: impl AsyncFnOnce(&World)) -> Vec<String> {
    let start: DateTime<Utc> = start.parse().unwrap();
    // "attempt 1" costs 73 bytes.
    let limits = |options: &mut EngineOptions| options.quotas.log_bytes_per_day = Some(80);
    let mut world = World::on(Arc::new(MemoryStore::default()), ManualClock::new(start), limits);
    let id = world.deploy("def job():\n    pass\n").await;
    world.run();
    let first = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.engine.wait_for(&world.owner, first.id).await.unwrap();
    let gate = CancellationToken::new();
    world.acting.act("job", Act::Wait(gate.clone()));
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    let lines = async || {
        let logs = world.engine.logs(&world.owner, run.id, 0, 100).await.unwrap();
        logs.into_iter().map(|entry| entry.text).collect::<Vec<_>>()
    };
    let marked = async {
        while lines().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), marked).await.unwrap();
    meanwhile(&world).await;
    gate.cancel();
    world.engine.wait_for(&world.owner, run.id).await.unwrap();
    let lines = lines().await;
    world.stop().await;
    lines
}

#[tokio::test]
async fn a_run_over_the_quota_of_log_bytes_prints_again_on_the_next_day() {
    let lines = printed_before_and_after("2026-03-01T23:59:55Z", async |world| {
        world.clock.advance(TimeDelta::seconds(6));
    })
    .await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("output truncated: ") && lines[1].starts_with("late "), "{lines:?}");
}

#[tokio::test]
async fn a_run_over_the_quota_of_log_bytes_prints_again_once_it_is_raised() {
    let lines = printed_before_and_after("2026-03-01T12:00:00Z", async |world| {
        set(world, |own| own.log_bytes_per_day = Some(Limit::Unlimited)).await;
        // Step by step, so that the run's lease is extended meanwhile.
        for _ in 0..6 {
            world.clock.advance(TimeDelta::seconds(10));
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("late "), "{lines:?}");
}

#[tokio::test]
async fn a_run_over_the_quota_of_log_bytes_says_so_once_while_it_is_used_up() {
    let lines = printed_before_and_after("2026-03-01T12:00:00Z", async |_| {}).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// Serves email, and leaves it to the test to say what comes.
#[derive(Debug)]
struct Quiet;

#[async_trait::async_trait]
impl TriggerSource for Quiet {
    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    fn validate(&self, _: &serde_json::Map<String, serde_json::Value>) -> Vec<Error> {
        Vec::new()
    }

    async fn watched(&self, _: &Trigger) -> Result<Option<Watched>, Error> {
        Ok(None)
    }

    fn health(&self) -> Vec<AccountHealth> {
        Vec::new()
    }

    async fn preview(&self, _: PreviewOptions) -> Option<Vec<Preview>> {
        None
    }

    async fn run(&self, _: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<(), Error> {
        shutdown.cancelled().await;
        Ok(())
    }
}
