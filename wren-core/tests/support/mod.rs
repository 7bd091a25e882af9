//! An engine on the memory store, a clock moved by hand, and an executor that does what the test says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wren_core::clock::ManualClock;
use wren_core::deploy::DeployRequest;
use wren_core::engine::{Engine, EngineOptions};
use wren_core::executor::{
    Executor, InspectedTrigger, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script,
};
use wren_core::host::RunHost;
use wren_core::memory::MemoryStore;
use wren_core::model::{Isolation, LogLine, LogStream, PageOptions, Run, RunState};
use wren_core::store::{ListRuns, Store};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};

/// What a function does in this executor.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Prints its attempt and returns its number of calls.
    Return,
    /// Fails this often, then returns.
    FailTimes(usize),
    /// Fails with this code.
    Fail(ErrorCode),
    /// Waits until it is cancelled.
    Hang,
    /// Times out at once.
    Timeout,
    /// The executor itself cannot work this often.
    Unable(usize),
}

/// Runs functions of Python scripts by a table of acts, without Python.
#[derive(Debug, Default)]
pub(crate) struct Acting {
    acts: Mutex<HashMap<String, Act>>,
    calls: Mutex<HashMap<String, usize>>,
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
}

impl Acting {
    pub(crate) fn act(&self, func: &str, act: Act) {
        self.acts.lock().insert(func.to_owned(), act);
    }

    pub(crate) fn calls(&self, func: &str) -> usize {
        self.calls.lock().get(func).copied().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<Acting>);

#[async_trait]
impl Executor for Shared {
    fn name(&self) -> &str {
        "acting"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "acting".into(), tier: "none".into() }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Says what the static stage will find, too, so that both agree.
    async fn inspect(&self, script: &Script, _limits: &Limits) -> Result<Inspection> {
        let mut triggers = Vec::new();
        let lines: Vec<&str> = script.source.lines().collect();
        for (place, line) in lines.iter().enumerate() {
            let Some(every) = line.strip_prefix("@wren.on_schedule(every=\"") else { continue };
            let period = every.split('"').next().unwrap_or_default();
            let func = lines[place + 1].trim_start_matches("def ").split('(').next().unwrap_or_default();
            let mut config = serde_json::Map::new();
            config.insert("every".into(), json!(period));
            for (name, value) in line.split(", ").skip(1).filter_map(|part| part.trim_end_matches(')').split_once('='))
            {
                config.insert(name.into(), serde_json::from_str(value).unwrap());
            }
            triggers.push(InspectedTrigger {
                kind: "schedule".into(),
                func: func.into(),
                line: u32::try_from(place + 1).unwrap(),
                config,
                problems: Vec::new(),
                signature: wren_core::executor::HandlerSignature {
                    required: 0,
                    max: Some(0),
                    required_keywords: vec![],
                },
            });
        }
        Ok(Inspection { triggers, ..Inspection::default() })
    }

    async fn run(
        &self,
        invocation: Invocation,
        _host: RunHost,
        logs: Arc<dyn LogSink>,
        cancel: CancellationToken,
    ) -> Result<Outcome> {
        let acting = &self.0;
        let call = {
            let mut calls = acting.calls.lock();
            let call = calls.entry(invocation.func.clone()).or_insert(0);
            *call += 1;
            *call
        };
        let now_running = acting.running.fetch_add(1, Ordering::SeqCst) + 1;
        acting.most_running.fetch_max(now_running, Ordering::SeqCst);
        let text = format!("attempt {}", invocation.context.attempt);
        logs.write(vec![LogLine { at: invocation.context.scheduled_for, stream: LogStream::Stdout, text }]).await;
        let act = acting.acts.lock().get(&invocation.func).cloned().unwrap_or(Act::Return);
        let broke = |code| OutcomeEnd::Failed(Error::new(code, "it broke"));
        let end = match act {
            Act::Return => OutcomeEnd::Success(Value::from(call)),
            Act::FailTimes(times) if call <= times => broke(ErrorCode::ScriptException),
            Act::Fail(code) => broke(code),
            Act::Hang => {
                cancel.cancelled().await;
                OutcomeEnd::Cancelled
            }
            Act::Timeout => OutcomeEnd::Timeout,
            Act::Unable(times) if call <= times => {
                acting.running.fetch_sub(1, Ordering::SeqCst);
                return Err(Error::new(ErrorCode::ExecutorUnavailable, "no python"));
            }
            Act::FailTimes(_) | Act::Unable(_) => OutcomeEnd::Success(Value::from(call)),
        };
        acting.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Outcome { end, isolation: self.isolation() })
    }
}

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
        let acting = Arc::new(Acting::default());
        let mut options = EngineOptions::default();
        options.poll_ms = 20;
        options.log_flush_ms = 10;
        change(&mut options);
        let engine = Engine::builder()
            .shared_store(Arc::clone(&store))
            .executor(Shared(Arc::clone(&acting)))
            .clock(clock.clone())
            .options(options)
            .build()
            .unwrap();
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
        match tokio::time::timeout(Duration::from_secs(20), watch).await {
            Ok(runs) => runs,
            Err(_) => panic!("waited in vain for {what}; runs: {:#?}", self.runs().await),
        }
    }
}

pub(crate) fn states(runs: &[Run]) -> Vec<RunState> {
    runs.iter().map(|run| run.state).collect()
}
