//! Many triggers of one owner due at one instant, while others' go on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SubsecRound as _, TimeDelta, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use wren_core::OwnerId;
use wren_core::engine::Engine;
use wren_core::schedule::{Every, Schedule};
use wren_store_sqlite::SqliteStore;

use super::world::{self, Nothing, late_ms, percentiles};
use crate::report::{Ratio, Target};
use crate::{Failure, workload};

/// Triggers of another owner, due every second meanwhile.
const OTHERS: usize = 10;
const OTHERS_SECONDS: i64 = 8;

#[derive(Debug, Serialize)]
pub(super) struct Row {
    triggers: usize,
    recorded: usize,
    all_after_ms: f64,
    others: usize,
    others_p99_ms: f64,
}

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        let Self { triggers, recorded, all_after_ms, others, others_p99_ms } = self;
        vec![
            triggers.to_string(),
            recorded.to_string(),
            format!("{all_after_ms:.0}"),
            others.to_string(),
            format!("{others_p99_ms:.1}"),
        ]
    }

    pub(super) fn ratio(&self) -> Ratio {
        let seconds = self.all_after_ms / 1000.0;
        Ratio {
            what: "due in the same second: seconds until all are recorded",
            ratio: seconds,
            target: Target::AtMost(1.0),
        }
    }
}

pub(super) async fn measure(folder: &Path, triggers: usize) -> Result<Row, Failure> {
    let store = Arc::new(SqliteStore::open_path(folder.join("burst.db")).await?);
    let (many, few) = (OwnerId::new("many")?, OwnerId::new("few")?);
    let script = "def main():\n    pass\n";
    let due = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(6);
    workload::deploy(&*store, &many, &vec![Schedule::at(due); triggers], script).await?;
    let every_second = Schedule::every(Every::parse("1s")?, due)
        .with_start(Some(due - TimeDelta::seconds(2)))
        .with_end(Some(due + TimeDelta::seconds(OTHERS_SECONDS)));
    workload::deploy(&*store, &few, &vec![every_second; OTHERS], script).await?;
    let engine = Engine::builder().shared_store(store.clone()).executor(Nothing).build()?;
    if Utc::now() >= due {
        return Err("deploying took longer than the time until they are due".into());
    }
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    tokio::time::sleep((due + TimeDelta::seconds(OTHERS_SECONDS + 1) - Utc::now()).to_std().unwrap_or_default()).await;
    while world::runs(&*store, &few).await?.iter().any(|run| !run.state.is_terminal()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    shutdown.cancel();
    running.await??;
    let recorded = world::runs(&*store, &many).await?;
    let others = world::runs(&*store, &few).await?;
    let during = others.iter().filter(|run| run.scheduled_for >= due);
    let (_, others_p99_ms) =
        percentiles(during.filter_map(|run| Some(late_ms(run.scheduled_for, run.started_at?))).collect());
    // A run carries the instant at which its transaction was begun; the last one took as long as those before it.
    let begun: std::collections::BTreeSet<_> = recorded.iter().map(|run| run.created_at).collect();
    let last = begun.iter().next_back().copied().unwrap_or(due);
    let before = begun.iter().rev().nth(1).copied().unwrap_or(due);
    let all_after_ms = late_ms(due, last + (last - before));
    Ok(Row { triggers, recorded: recorded.len(), all_after_ms, others: others.len(), others_p99_ms })
}
