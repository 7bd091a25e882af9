//! More runs than the pool has room for.

use std::time::Instant;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wren_core::executor::Script;
use wren_exec_wasm::{WasmExecutor, WasmOptions};

use super::contenders::Isolated;
use crate::Failure;
use crate::machine::{Watch, own_memory};
use crate::report::mebibytes;

/// What one script writes to.
const WRITTEN: u64 = 8 << 20;

/// One number of runs.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    runs: usize,
    instances: u32,
    done: usize,
    seconds: f64,
    /// Above what the process took before.
    peak_bytes: u64,
}

impl Row {
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            self.runs.to_string(),
            self.instances.to_string(),
            self.done.to_string(),
            format!("{:.2}", self.seconds),
            mebibytes(self.peak_bytes),
            mebibytes(self.peak_bytes / u64::from(self.instances.max(1))),
        ]
    }
}

/// Hands over as many runs as there are instances, then `runs`: a bounded pool shows about the same peak.
pub(crate) async fn measure(runs: usize, instances: u32) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for runs in [instances as usize, runs] {
        let before = own_memory();
        let executor = WasmExecutor::start(WasmOptions::default().with_instances(instances));
        let executor = Isolated::new("wasm executor", executor)?;
        let script = Script::new(include_str!("../../scripts/allocate.py"));
        let (watch, started) = (Watch::start(), Instant::now());
        let mut under_way = JoinSet::new();
        for _ in 0..runs {
            let (executor, script) = (executor.clone(), script.clone());
            under_way.spawn(async move {
                let (lines, _kept) = mpsc::unbounded_channel();
                executor.run(&script, lines, &CancellationToken::new()).await
            });
        }
        let mut done = 0;
        while let Some(ended) = under_way.join_next().await {
            done += usize::from(ended?? == WRITTEN);
        }
        let seconds = started.elapsed().as_secs_f64();
        let peak_bytes = watch.peak().saturating_sub(before);
        rows.push(Row { runs, instances, done, seconds, peak_bytes });
    }
    Ok(rows)
}
