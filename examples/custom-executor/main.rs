//! Runs a script on an executor that is not Wren's own: nothing else of the platform changes.

#![allow(clippy::print_stdout, reason = "a program for people to watch")]

use tokio_util::sync::CancellationToken;
use wren_core::OwnerId;
use wren_core::deploy::DeployRequest;
use wren_core::engine::{Engine, RunNow};
use wren_core::memory::MemoryStore;
use wren_examples::launcher::LauncherExecutor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder().store(MemoryStore::default()).executor(LauncherExecutor::new()?).build()?;
    engine.check().await?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    let owner = OwnerId::new("you")?;
    let script = include_str!("../scripts/on_call_rota.py").to_owned();
    let deployment = engine.deploy(&owner, DeployRequest { script, ..Default::default() }).await?.overview.deployment;
    let run = engine.run_now(&owner, deployment.id, RunNow::default()).await?;
    let run = engine.wait_for(&owner, run.id).await?;
    for entry in engine.logs(&owner, run.id, 0, 100).await? {
        println!("{} {}", entry.stream, entry.text);
    }
    println!("{} in {:?}: {:?}", run.state.as_str(), run.isolation, run.result);
    shutdown.cancel();
    running.await??;
    Ok(())
}
