//! Thousands of years of schedules on a clock moved by hand, with restarts, crashes, pauses and clocks that jump: every due time
//! becomes exactly one run, and one that does not run says why.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use support::{World, start_time};
use wren_core::clock::ManualClock;
use wren_core::deploy::sha256_hex;
use wren_core::memory::MemoryStore;
use wren_core::model::{
    CatchUp, Manifest, Overlap, PageOptions, Run, RunPolicy, RunState, ScheduleConfig, SkipReason, Trigger,
    TriggerKind, TriggerSpec,
};
use wren_core::schedule::{CronExpr, Every, Schedule, Timezone};
use wren_core::store::{DeploymentStore, ListRuns, NewTrigger, PutRevision, RunStore};
use wren_core::{DeploymentId, DeploymentName, TriggerId};

/// Histories of their own, one after the other on the threads that there are.
const WORLDS: u64 = 10;
const DEPLOYMENTS: usize = 8;
const TRIGGERS: usize = 5;
/// Of each world. All in all: 10 × 8 × 5 × 25 = 10,000 years of a trigger.
const YEARS: i64 = 25;

const ZONES: [&str; 7] = [
    "UTC",
    "America/New_York",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
];
/// Rules that come round some two dozen times a year on average, at the hours at which clocks change.
const CRONS: [&str; 12] = [
    "30 1 * * sun",
    "30 2 * * sun",
    "*/30 1-3 1-7 mar,oct *",
    "0 0 1 * *",
    "15 2 29 2 *",
    "0 9 * * mon",
    "0 0 13 * fri",
    "59 23 31 * *",
    "@monthly",
    "@yearly",
    "@weekly",
    "*/20 2 1 4,10 *",
];
const PERIODS: [&str; 3] = ["11d7h", "4w", "100d"];
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn schedule(draw: &mut StdRng) -> Schedule {
    if draw.random_bool(0.8) {
        let timezone = Timezone::parse(ZONES.choose(draw).unwrap()).unwrap();
        return Schedule::cron(CronExpr::parse(CRONS.choose(draw).unwrap()).unwrap(), timezone);
    }
    let anchor = start_time() - TimeDelta::seconds(draw.random_range(0..1_000_000));
    Schedule::every(Every::parse(PERIODS.choose(draw).unwrap()).unwrap(), anchor)
}

fn trigger(draw: &mut StdRng, func: String) -> TriggerSpec {
    let config = ScheduleConfig {
        schedule: schedule(draw),
        catch_up: *[CatchUp::Latest, CatchUp::All, CatchUp::None].choose(draw).unwrap(),
        catch_up_window_ms: *[DAY_MS / 24, 3 * DAY_MS, 366 * DAY_MS].choose(draw).unwrap(),
        jitter_ms: *[0, DAY_MS / 32].choose(draw).unwrap(),
    };
    let overlap = *[Overlap::Skip, Overlap::Queue, Overlap::Allow, Overlap::CancelPrevious].choose(draw).unwrap();
    TriggerSpec {
        kind: TriggerKind::Schedule,
        func,
        config: serde_json::Map::new(),
        schedule: Some(config),
        policy: RunPolicy { overlap, ..RunPolicy::default() },
        max_event_age_ms: None,
    }
}

fn revision(draw: &mut StdRng, number: usize) -> PutRevision {
    let triggers: Vec<TriggerSpec> =
        (0..TRIGGERS).map(|place| trigger(draw, format!("job_{number}_{place}"))).collect();
    let script = format!("# {number}\n");
    PutRevision {
        deployment_id: DeploymentId::new(),
        name: DeploymentName::new(format!("deployment_{number}")).unwrap(),
        only: None,
        script_sha256: sha256_hex(&script),
        script,
        manifest: Manifest { triggers: triggers.clone(), ..Manifest::default() },
        triggers: triggers.into_iter().map(|spec| NewTrigger { id: TriggerId::new(), spec }).collect(),
        now: start_time(),
    }
}

/// From when until when a deployment was paused.
type Pause = (DateTime<Utc>, DateTime<Utc>);

/// A process that can be ended and started again on the same store and clock.
struct History {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    world: World,
    deployments: Vec<DeploymentId>,
    /// When each deployment was paused.
    pauses: HashMap<DeploymentId, Vec<Pause>>,
    /// The latest that the clock has shown.
    latest: DateTime<Utc>,
}

impl History {
    async fn begin(draw: &mut StdRng) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::new(start_time()));
        let world = Self::process(&store, &clock);
        let mut deployments = Vec::new();
        for number in 0..DEPLOYMENTS {
            let deployed = store.put_revision(&world.owner, revision(draw, number)).await.unwrap();
            deployments.push(deployed.deployment.id);
        }
        let mut history = Self { store, clock, world, deployments, pauses: HashMap::new(), latest: start_time() };
        history.world.run();
        history
    }

    fn process(store: &Arc<MemoryStore>, clock: &ManualClock) -> World {
        World::on(store.clone(), clock.clone(), |options| {
            options.retention_ms = None;
            options.max_catch_up = 1_000;
        })
    }

    async fn triggers(&self) -> Vec<Trigger> {
        self.store.scan_triggers(None, 10_000).await.unwrap()
    }

    async fn runs(&self, state: Option<RunState>) -> Vec<Run> {
        // What has not ended yet is not years old.
        let since = state.map(|_| self.clock.now_shown() - TimeDelta::days(400));
        let states = state.into_iter().collect();
        let mut options = ListRuns { states, since, page: PageOptions::first(1_000), ..ListRuns::default() };
        let mut runs = Vec::new();
        loop {
            let page = self.store.runs(&self.world.owner, options.clone()).await.unwrap();
            runs.extend(page.items);
            options.page.after = page.next;
            if options.page.after.is_none() {
                return runs;
            }
        }
    }

    /// Waits, bounded, until everything that is due has been recorded and has ended.
    async fn settle(&self) {
        let settled = async {
            loop {
                let now = self.clock.now_shown();
                let behind =
                    self.triggers().await.iter().any(|trigger| trigger.next_due().is_some_and(|due| due <= now));
                // Running ones are read first and last: one that starts in between is in neither list of the other order.
                let is_idle = self.runs(Some(RunState::Running)).await.is_empty();
                let queued = self.runs(Some(RunState::Queued)).await;
                let waiting = queued.iter().any(|run| run.not_before <= now && !has_to_wait(run, &queued, now));
                if !behind && is_idle && !waiting && self.runs(Some(RunState::Running)).await.is_empty() {
                    return;
                }
                // A change that came in between is not waited for long.
                let _ = tokio::time::timeout(Duration::from_millis(2), self.world.engine.run_changed()).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), settled).await.is_err() {
            panic!("due times are left at {}: {:#?}", self.clock.now_shown(), self.runs(Some(RunState::Queued)).await);
        }
    }

    fn set(&mut self, now: DateTime<Utc>) {
        self.clock.set(now);
        self.latest = self.latest.max(now);
    }

    async fn happen(&mut self, draw: &mut StdRng) {
        let now = self.clock.now_shown();
        match draw.random_range(0..100) {
            0..80 => self.set(now + TimeDelta::minutes(draw.random_range(1..20 * 24 * 60))),
            // A machine that slept.
            80..84 => self.set(now + TimeDelta::days(draw.random_range(20..200))),
            84..88 => self.set(now - TimeDelta::minutes(draw.random_range(1..3 * 24 * 60))),
            88..92 => {
                let crash = draw.random_bool(0.5);
                if crash {
                    self.world.crash().await;
                } else {
                    self.world.stop().await;
                }
                // Nobody is there for a while.
                self.set(now + TimeDelta::minutes(draw.random_range(0..30 * 24 * 60)));
                self.world = Self::process(&self.store, &self.clock);
                self.world.run();
            }
            92..96 => {
                let id = *self.deployments.choose(draw).unwrap();
                let until = draw.random_bool(0.5).then(|| now + TimeDelta::minutes(draw.random_range(1..90 * 24 * 60)));
                self.world.engine.pause(&self.world.owner, id, None, until).await.unwrap();
                let pauses = self.pauses.entry(id).or_default();
                // A pause anew changes when the one before ends.
                let from = match pauses.last_mut() {
                    Some((from, to)) if *to > now => {
                        *to = now;
                        *from
                    }
                    _ => now,
                };
                pauses.push((from.min(now), until.unwrap_or(DateTime::<Utc>::MAX_UTC)));
            }
            _ => self.resume(*self.deployments.choose(draw).unwrap()).await,
        }
        self.settle().await;
    }

    async fn resume(&mut self, id: DeploymentId) {
        self.world.engine.resume(&self.world.owner, id).await.unwrap();
        let now = self.clock.now_shown();
        if let Some((_, to)) = self.pauses.entry(id).or_default().last_mut() {
            *to = (*to).min(now);
        }
    }

    /// Everything waits for nothing any more.
    async fn end(&mut self) {
        for id in self.deployments.clone() {
            self.resume(id).await;
        }
        self.set(self.latest + TimeDelta::days(2));
        self.settle().await;
        self.world.stop().await;
    }

    async fn check(&self) -> usize {
        let mut of_trigger: HashMap<_, Vec<Run>> = HashMap::new();
        for run in self.runs(None).await {
            of_trigger.entry(run.trigger_id.unwrap()).or_default().push(run);
        }
        let mut count = 0;
        for trigger in self.triggers().await {
            let mut runs = of_trigger.remove(&trigger.id).unwrap_or_default();
            runs.sort_by_key(|run| run.scheduled_for);
            let schedule = &trigger.spec.schedule.as_ref().unwrap().schedule;
            let expected: Vec<_> = schedule.upcoming(start_time()).take_while(|due| *due <= self.latest).collect();
            let recorded: Vec<_> = runs.iter().map(|run| run.scheduled_for).collect();
            assert_eq!(recorded, expected, "{schedule:?}");
            count += runs.len();
            for run in &runs {
                self.check_run(&trigger, run);
            }
        }
        assert!(of_trigger.is_empty());
        count
    }

    fn check_run(&self, trigger: &Trigger, run: &Run) {
        let config = trigger.spec.schedule.as_ref().unwrap();
        let (due, late) = (run.scheduled_for, run.created_at - run.scheduled_for);
        let came_later = || config.schedule.next_after(due).is_some_and(|next| next <= run.created_at);
        match (run.state, run.skip_reason) {
            (RunState::Success, None) => {}
            (RunState::Cancelled, None) => assert_eq!(trigger.spec.policy.overlap, Overlap::CancelPrevious),
            (RunState::Skipped, Some(SkipReason::Overlap)) => assert_eq!(trigger.spec.policy.overlap, Overlap::Skip),
            (RunState::Skipped, Some(SkipReason::Coalesced)) => {
                assert!(config.catch_up != CatchUp::None && came_later(), "{run:?}");
            }
            (RunState::Skipped, Some(SkipReason::Expired)) => {
                let window = TimeDelta::milliseconds(i64::try_from(config.catch_up_window_ms).unwrap());
                assert!(late > window || config.catch_up == CatchUp::None && late > TimeDelta::zero(), "{run:?}");
            }
            (RunState::Skipped, Some(SkipReason::Paused)) => {
                let pauses = self.pauses.get(&run.deployment_id).map(Vec::as_slice).unwrap_or_default();
                // A clock that was set back by days shows the instants of a pause again.
                let slack = TimeDelta::days(4);
                assert!(
                    pauses
                        .iter()
                        .any(|(from, to)| *from - slack <= due && due <= to.checked_add_signed(slack).unwrap_or(*to)),
                    "{run:?} {pauses:?}"
                );
            }
            other => panic!("{other:?}: {run:?}"),
        }
    }
}

/// Says whether a run waits for an earlier one of its trigger that jitter holds back.
fn has_to_wait(run: &Run, queued: &[Run], now: DateTime<Utc>) -> bool {
    let place = |run: &Run| (run.scheduled_for, run.id);
    let holds = |other: &&Run| other.trigger_id == run.trigger_id && place(other) < place(run);
    run.is_serial() && queued.iter().filter(holds).any(|earlier| earlier.not_before > now)
}

trait Shown {
    fn now_shown(&self) -> DateTime<Utc>;
}

impl Shown for ManualClock {
    fn now_shown(&self) -> DateTime<Utc> {
        wren_core::clock::Clock::now(self)
    }
}

async fn live_through(seed: u64) -> usize {
    let mut draw = StdRng::seed_from_u64(seed);
    let mut history = History::begin(&mut draw).await;
    let end = start_time() + TimeDelta::days(YEARS * 365);
    while history.latest < end {
        history.happen(&mut draw).await;
    }
    history.end().await;
    history.check().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_due_time_is_lost_or_doubled_in_ten_thousand_years() {
    let worlds: Vec<_> = (0..WORLDS).map(|seed| (seed, tokio::spawn(live_through(seed)))).collect();
    let mut count = 0;
    for (seed, world) in worlds {
        count += world.await.unwrap_or_else(|error| panic!("world {seed}: {error}"));
    }
    // Two dozen a year, roughly.
    assert!(count > 100_000, "{count}");
}
