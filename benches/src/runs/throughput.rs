//! As many runs as a side finishes on all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;

use super::contenders::Contender;
use super::{HELLO, USUAL_IMPORTS};
use crate::Failure;
use crate::machine::cores;

/// One side on one script.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    script: &'static str,
    side: &'static str,
    under_way: usize,
    runs_per_second: f64,
}

impl Row {
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![format!("{}: {}", self.script, self.side), format!("{:.0}", self.runs_per_second)]
    }
}

/// Lets each side run each script for `window`.
pub(crate) async fn measure(contenders: &[Contender], window: Duration) -> Result<Vec<Row>, Failure> {
    let under_way = cores() * 2;
    let mut rows = Vec::new();
    for sample in [HELLO, USUAL_IMPORTS] {
        for contender in contenders {
            let prepared = contender.prepare(sample)?;
            let finished = Arc::new(AtomicU64::new(0));
            let started = Instant::now();
            let mut workers = JoinSet::new();
            for _ in 0..under_way {
                let (contender, prepared, finished) = (contender.clone(), prepared.clone(), Arc::clone(&finished));
                workers.spawn(async move {
                    while started.elapsed() < window {
                        contender.run(&prepared).await?;
                        finished.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<(), Failure>(())
                });
            }
            while let Some(ended) = workers.join_next().await {
                ended??;
            }
            let runs_per_second = finished.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
            rows.push(Row { script: sample.name, side: contender.name(), under_way, runs_per_second });
        }
    }
    Ok(rows)
}
