//! An engine on the memory store, a clock moved by hand, and an executor that does what the test says.

#![allow(dead_code, reason = "every test crate uses its own part of it")]

pub(crate) mod acting;
pub(crate) mod faulty;
mod faulty_calls;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[allow(unused_imports, reason = "as above")]
pub(crate) use acting::{Act, Acting};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wren_core::clock::ManualClock;
use wren_core::deploy::DeployRequest;
use wren_core::engine::{Engine, EngineBuilder, EngineOptions};
use wren_core::memory::MemoryStore;
use wren_core::model::{PageOptions, Run, RunState};
use wren_core::store::{ListRuns, Store};
use wren_core::{DeploymentId, OwnerId, Result};

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: ManualClock,
    pub(crate) acting: Arc<Acting>,
    pub(crate) owner: OwnerId,
    pub(crate) shutdown: CancellationToken,
    running: Option<JoinHandle<Result<()>>>,
}

pub(crate) fn start_time() -> DateTime<Utc> {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

impl World {
    pub(crate) fn new(change: impl FnOnce(&mut EngineOptions)) -> Self {
        Self::on(Arc::new(MemoryStore::default()), ManualClock::new(start_time()), change)
    }

    /// A process that starts on a store that another one left.
    pub(crate) fn on(store: Arc<dyn Store>, clock: ManualClock, change: impl FnOnce(&mut EngineOptions)) -> Self {
        Self::built(store, clock, change, |builder| builder)
    }

    /// A process whose engine has more parts.
    pub(crate) fn built(
        store: Arc<dyn Store>,
        clock: ManualClock,
        change: impl FnOnce(&mut EngineOptions),
        more: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let acting = Arc::new(Acting::default());
        let mut options = EngineOptions::default();
        options.poll_ms = 20;
        options.log_flush_ms = 10;
        change(&mut options);
        let builder = Engine::builder()
            .shared_store(store)
            .executor(acting::Shared(Arc::clone(&acting)))
            .clock(clock.clone())
            .options(options);
        let engine = more(builder).build().unwrap();
        let owner = OwnerId::new("ada").unwrap();
        Self { engine, clock, acting, owner, shutdown: CancellationToken::new(), running: None }
    }

    pub(crate) fn run(&mut self) {
        let (engine, shutdown) = (self.engine.clone(), self.shutdown.clone());
        self.running = Some(tokio::spawn(async move { engine.run(shutdown).await }));
    }

    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap().unwrap();
        }
    }

    /// Ends the engine as a crash would: its future is dropped where it stands.
    pub(crate) async fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }

    pub(crate) async fn deploy(&self, script: &str) -> DeploymentId {
        let request = DeployRequest { script: script.to_owned(), ..DeployRequest::default() };
        self.engine.deploy(&self.owner, request).await.unwrap().overview.deployment.id
    }

    /// How many calls of the executor are in progress.
    pub(crate) fn running(&self) -> usize {
        self.acting.running.load(Ordering::SeqCst)
    }

    /// All runs, earliest due time first.
    pub(crate) async fn runs(&self) -> Vec<Run> {
        let mut options = ListRuns { page: PageOptions::first(1000), ..ListRuns::default() };
        let mut runs = Vec::new();
        loop {
            let page = self.engine.runs(&self.owner, options.clone()).await.unwrap();
            runs.extend(page.items);
            options.page.after = page.next;
            if options.page.after.is_none() {
                break;
            }
        }
        runs.reverse();
        runs
    }

    /// Moves the clock on step by step, bounded, until the runs are as wanted: for what is looked at now and then only, and
    /// may be in the midst of it when the clock moves.
    pub(crate) async fn pass_time_until(
        &self,
        what: &str,
        step: TimeDelta,
        wanted: impl Fn(&[Run]) -> bool,
    ) -> Vec<Run> {
        self.until(what, |runs| {
            let done = wanted(runs);
            if !done {
                self.clock.advance(step);
            }
            done
        })
        .await
    }

    /// Waits, bounded, until the runs are as wanted; the clock stands still meanwhile.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&[Run]) -> bool) -> Vec<Run> {
        let watch = async {
            loop {
                let runs = self.runs().await;
                if wanted(&runs) {
                    return runs;
                }
                self.engine.run_changed().await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), watch).await {
            Ok(runs) => runs,
            Err(_) => panic!("waited in vain for {what}; runs: {:#?}", self.runs().await),
        }
    }
}

/// Says whether there are at least so many runs and all have ended.
pub(crate) fn all_done(count: usize) -> impl Fn(&[Run]) -> bool {
    move |runs| runs.len() >= count && runs.iter().all(|run| run.state.is_terminal())
}

pub(crate) fn states(runs: &[Run]) -> Vec<RunState> {
    runs.iter().map(|run| run.state).collect()
}
