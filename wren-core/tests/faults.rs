//! The engine on a store that waits, fails and forgets, with clocks that jump and executors that do not let go.
//!
//! The tests run on several threads and look at what the store keeps. Those in which seconds must pass run on one thread
//! with Tokio's time paused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "faults/deploys.rs"]
mod deploys;
#[path = "faults/due_times.rs"]
mod due_times;
#[path = "faults/ends.rs"]
mod ends;
#[path = "faults/leases.rs"]
mod leases;
#[path = "faults/output.rs"]
mod output;
#[path = "faults/shutdown.rs"]
mod shutdown;
#[path = "faults/sources.rs"]
mod sources;
mod support;

use std::sync::Arc;

use support::faulty::FaultyStore;
use support::{World, start_time};
use wren_core::clock::ManualClock;
use wren_core::engine::{EngineOptions, RunNow};
use wren_core::model::{Run, RunState};
use wren_core::{DeploymentId, RunId};

const JOB: &str = "def job():\n    pass\n";

/// A script whose function `tick` is due every so often.
fn every(arguments: &str) -> String {
    format!("import wren\n\n@wren.on_schedule(every={arguments})\ndef tick():\n    pass\n")
}

fn faulty(change: impl FnOnce(&mut EngineOptions)) -> (Arc<FaultyStore>, World) {
    let store = Arc::new(FaultyStore::default());
    let world = World::on(store.clone(), ManualClock::new(start_time()), change);
    (store, world)
}

async fn run_now(world: &World, id: DeploymentId) -> RunId {
    world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap().id
}

/// Waits, bounded, for the end of a run.
async fn ended(world: &World, id: RunId) -> Run {
    world.until("the end of the run", |runs| runs.iter().any(|run| run.id == id && run.state.is_terminal())).await;
    world.engine.run_with_attempts(&world.owner, id).await.unwrap().0
}

async fn started(world: &World, id: RunId) -> Run {
    let running = |run: &Run| run.id == id && run.state == RunState::Running;
    let runs = world.until("the run to start", |runs| runs.iter().any(running)).await;
    // The executor has it once it counts a call.
    world.until("the executor to begin", |_| world.running() > 0).await;
    runs.into_iter().find(running).unwrap()
}

async fn texts(world: &World, id: RunId) -> Vec<String> {
    let logs = world.engine.logs(&world.owner, id, 0, 10_000).await.unwrap();
    logs.into_iter().map(|entry| entry.text).collect()
}
