//! The whole way: due, recorded, claimed, run in a fresh CPython, result stored.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{SubsecRound as _, TimeDelta, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use wren_core::OwnerId;
use wren_core::engine::{Engine, EngineOptions};
use wren_core::model::RunState;
use wren_core::schedule::Schedule;
use wren_exec_wasm::{WasmExecutor, WasmOptions};
use wren_store_sqlite::SqliteStore;

use super::world;
use crate::report::{Ratio, Target};
use crate::{Failure, workload};

const SCRIPT: &str = "def main():\n    print('hello')\n    return {'answer': 42}\n";

#[derive(Debug, Serialize)]
pub(super) struct Row {
    runs: usize,
    succeeded: usize,
    seconds: f64,
    rate: f64,
}

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        let Self { runs, succeeded, seconds, rate } = self;
        vec![runs.to_string(), succeeded.to_string(), format!("{seconds:.2}"), format!("{rate:.0}")]
    }

    pub(super) fn ratio(&self) -> Ratio {
        Ratio { what: "end to end: runs a second", ratio: self.rate, target: Target::AtLeast(500.0) }
    }
}

pub(super) async fn measure(folder: &Path, runs: usize) -> Result<Row, Failure> {
    let store = Arc::new(SqliteStore::open_path(folder.join("whole.db")).await?);
    let owner = OwnerId::new("bench")?;
    let due = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(6);
    workload::deploy(&*store, &owner, &vec![Schedule::at(due); runs], SCRIPT).await?;
    let mut options = EngineOptions::default();
    options.per_owner = 10_000;
    options.per_deployment = 10_000;
    let wasm = WasmExecutor::start(WasmOptions::default());
    let engine = Engine::builder().shared_store(store.clone()).executor(wasm).options(options).build()?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    tokio::time::sleep((due - Utc::now()).to_std().unwrap_or_default()).await;
    let started = Instant::now();
    while world::is_busy(&*store, &owner, runs).await? && started.elapsed() < Duration::from_secs(300) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    shutdown.cancel();
    running.await??;
    let ended = world::runs(&*store, &owner).await?;
    let succeeded = ended.iter().filter(|run| run.state == RunState::Success && run.result.is_some()).count();
    Ok(Row { runs, succeeded, seconds, rate: succeeded as f64 / seconds })
}
