//! What clients ask of a store: record fires, claim and finish, append to logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use wren_core::WorkerId;
use wren_core::model::{Completion, Fence, LogLine, LogStream, Run};
use wren_core::store::{AppendLogs, ClaimLimits, ClaimOptions, FinishOptions, Held, RecordFires, Store};

use super::clients;
use crate::Failure;
use crate::workload::{BATCH, Workload};

/// How many lines a client appends at once.
pub(super) const LINES: usize = 10;

/// A store with its workload.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    store: Arc<dyn Store>,
    work: Arc<Workload>,
    /// How many runs wait.
    waiting: Arc<AtomicUsize>,
}

impl Loaded {
    pub(super) async fn new(store: Arc<dyn Store>) -> Result<Self, Failure> {
        let work = Arc::new(Workload::deploy(&*store).await?);
        Ok(Self { store, work, waiting: Arc::default() })
    }

    /// Returns the same work for another node on the same data.
    pub(super) fn with_store(&self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self.clone() }
    }

    /// Records batches until so many runs wait; returns how many then do.
    pub(super) async fn fill(&self, runs: usize) -> Result<usize, Failure> {
        while self.waiting.load(Ordering::Relaxed) < runs {
            self.store.record_fires(RecordFires::new(self.work.batch(), self.work.start())).await?;
            self.waiting.fetch_add(BATCH, Ordering::Relaxed);
        }
        Ok(self.waiting.load(Ordering::Relaxed))
    }

    /// Returns how many due times are recorded a second, [`BATCH`] in each call.
    pub(super) async fn fires(&self, clients: usize, window: Duration) -> Result<f64, Failure> {
        clients::rate(clients, window, |until| {
            let Self { store, work, .. } = self.clone();
            async move {
                let mut done = 0;
                loop {
                    done += store.record_fires(RecordFires::new(work.batch(), work.start())).await?.len();
                    if Instant::now() >= until {
                        return Ok(done);
                    }
                }
            }
        })
        .await
    }

    /// Returns how many runs are claimed and finished a second by clients that take one at a time.
    pub(super) async fn claims(&self, clients: usize, window: Duration) -> Result<f64, Failure> {
        clients::rate(clients, window, |until| {
            let loaded = self.clone();
            async move {
                let worker = WorkerId::generate();
                let mut done = 0;
                while Instant::now() < until {
                    let Some(run) = loaded.claim(&worker, 1).await?.pop() else { break };
                    loaded.finish(&run).await?;
                    done += 1;
                }
                Ok(done)
            }
        })
        .await
    }

    /// Returns how often a second clients append [`LINES`] lines, each to a run of its own.
    pub(super) async fn appends(&self, clients: usize, window: Duration) -> Result<f64, Failure> {
        let runs = parking_lot::Mutex::new(self.claim(&WorkerId::generate(), clients).await?);
        clients::rate(clients, window, |until| {
            let store = Arc::clone(&self.store);
            let run = runs.lock().pop();
            let lines = vec![line(self.now()); LINES];
            async move {
                let held = held(&run.ok_or("too few runs wait to append to")?);
                let mut done = 0;
                while Instant::now() < until {
                    let written = store.append_logs(vec![AppendLogs { held, lines: lines.clone() }]).await?;
                    if written != [true] {
                        return Err("a claim was lost".into());
                    }
                    done += 1;
                }
                Ok(done)
            }
        })
        .await
    }

    pub(super) async fn claim(&self, worker: &WorkerId, batch: usize) -> Result<Vec<Run>, Failure> {
        let options = ClaimOptions {
            worker: worker.clone(),
            now: self.now(),
            lease: TimeDelta::hours(1),
            limits: ClaimLimits { batch, per_deployment: 10_000, per_owner: 10_000 },
        };
        let runs = self.store.claim(options).await?.runs;
        self.waiting.fetch_sub(runs.len(), Ordering::Relaxed);
        Ok(runs)
    }

    pub(super) async fn finish(&self, run: &Run) -> Result<Run, Failure> {
        let options = FinishOptions {
            held: held(run),
            completion: Completion::Success(Value::Null),
            isolation: None,
            logs: Vec::new(),
            now: self.now(),
        };
        Ok(self.store.finish(options).await?)
    }

    fn now(&self) -> DateTime<Utc> {
        self.work.end()
    }
}

fn held(run: &Run) -> Held {
    Held { run_id: run.id, fence: Fence { epoch: run.epoch } }
}

fn line(at: DateTime<Utc>) -> LogLine {
    let text = "the quick brown fox jumps over the lazy dog, and so on".to_owned();
    LogLine { at, stream: LogStream::Stdout, text }
}
