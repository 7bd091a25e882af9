//! Nothing of a secret that a run was given stands in what the run leaves behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use support::{Act, World, start_time};
use wren_core::Result;
use wren_core::clock::ManualClock;
use wren_core::engine::RunNow;
use wren_core::host::{Host, HostRequest, RunContext};
use wren_core::memory::MemoryStore;
use wren_core::model::{Run, RunState};

const SECRET: &str = "canary-7f3a";

/// Gives every run that asks the secret.
#[derive(Debug)]
struct Generous;

#[async_trait]
impl Host for Generous {
    async fn call(&self, context: &RunContext, _: HostRequest) -> Result<Value> {
        context.secrets.add("ftp", &SECRET.into());
        Ok(SECRET.into())
    }
}

async fn told(act: Act) -> (Run, String) {
    let clock = ManualClock::new(start_time());
    let mut world = World::built(Arc::new(MemoryStore::default()), clock, |_| {}, |builder| builder.host(Generous));
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", act);
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    let run = world.engine.wait_for(&world.owner, run.id).await.unwrap();
    let logs = world.engine.logs(&world.owner, run.id, 0, 10).await.unwrap();
    let (_, attempts) = world.engine.run_with_attempts(&world.owner, run.id).await.unwrap();
    world.stop().await;
    assert!(logs.iter().any(|line| line.text == "it is [redacted ftp]"), "{logs:?}");
    (run, format!("{logs:?} {attempts:?}"))
}

#[tokio::test]
async fn lines_and_results_hold_no_secret_that_the_run_was_given() {
    let (run, rest) = told(Act::Tell { fails: false }).await;
    assert_eq!((run.state, run.result.clone()), (RunState::Success, Some(json!({"told": ["[redacted ftp]"]}))));
    assert!(!format!("{run:?}{rest}").contains(SECRET));
}

#[tokio::test]
async fn errors_hold_no_secret_that_the_run_was_given() {
    let (run, rest) = told(Act::Tell { fails: true }).await;
    assert_eq!(run.error.as_ref().unwrap().message, "not [redacted ftp]");
    assert!(!format!("{run:?}{rest}").contains(SECRET));
}
