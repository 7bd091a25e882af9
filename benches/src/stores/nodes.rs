//! Several nodes on one PostgreSQL schema, working off one queue.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tokio::task::JoinSet;
use wren_core::model::RunState;
use wren_core::{RunId, WorkerId};

use super::operations::Loaded;
use super::server::Server;
use crate::Failure;

/// How many runs a claim takes at most.
pub(super) const CLAIMED_AT_ONCE: usize = 500;
/// While the ends of some runs are written a node claims others, as an engine does.
const UNDER_WAY: usize = 4;
/// After so long something is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// What nodes did together.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) runs: usize,
    pub(super) rate: f64,
    /// Claims of a run that another claim had taken before.
    pub(super) twice: usize,
}

/// Lets nodes, each with a store and a name of its own, claim and finish about so many runs.
pub(super) async fn work_off(server: &Server, nodes: usize, runs: usize) -> Result<Worked, Failure> {
    let schema = server.schema();
    let mut stores = Vec::new();
    for _ in 0..nodes {
        stores.push(Arc::new(server.open(&schema).await?));
    }
    let first = stores.first().ok_or("there are no nodes")?;
    let loaded = Loaded::new(first.clone()).await?;
    let runs = loaded.fill(runs).await?;
    let finished = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut working = JoinSet::new();
    for store in &stores {
        let (node, worker) = (loaded.with_store(store.clone()), WorkerId::generate());
        for _ in 0..UNDER_WAY {
            working.spawn(worker_loop(node.clone(), worker.clone(), Arc::clone(&finished), runs));
        }
    }
    let mut claims = Vec::new();
    while let Some(ended) = tokio::time::timeout(PATIENCE, working.join_next()).await? {
        claims.extend(ended??);
    }
    let rate = runs as f64 / started.elapsed().as_secs_f64();
    for store in stores {
        store.close().await?;
    }
    let different = claims.iter().collect::<HashSet<_>>().len();
    Ok(Worked { runs, rate, twice: claims.len() - different })
}

/// Claims and finishes until all runs are finished, by whomever; returns what it claimed.
async fn worker_loop(
    node: Loaded,
    worker: WorkerId,
    finished: Arc<AtomicUsize>,
    runs: usize,
) -> Result<Vec<RunId>, Failure> {
    let mut claims = Vec::new();
    while finished.load(Ordering::Relaxed) < runs {
        let claimed = node.claim(&worker, CLAIMED_AT_ONCE).await?;
        let ended = try_join_all(claimed.iter().map(|run| node.finish(run))).await?;
        if ended.iter().any(|run| run.state != RunState::Success) {
            return Err("a run did not end as it was told to".into());
        }
        finished.fetch_add(ended.len(), Ordering::Relaxed);
        claims.extend(claimed.iter().map(|run| run.id));
    }
    Ok(claims)
}
