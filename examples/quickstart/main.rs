//! Deploys a script on SQLite in a temporary folder, waits for three scheduled runs, and prints what they printed.
//!
//! `cargo run --example quickstart -- --store redb:wren.redb` (or `sqlite:PATH`, `postgres://…`) does so on another store.

#![allow(clippy::print_stdout, reason = "a program for people to watch")]

use comfy_table::Table;
use tokio_util::sync::CancellationToken;
use wren_core::deploy::DeployRequest;
use wren_core::engine::Engine;
use wren_core::model::{PageOptions, RunState};
use wren_core::store::ListRuns;
use wren_core::{OwnerId, Result};
use wren_examples::stores;
use wren_exec_wasm::{WasmExecutor, WasmOptions};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| wren_core::Error::internal("no temporary folder", error))?;
    let temporary = format!("sqlite:{}", folder.path().join("wren.db").display());
    let store = stores::open(&stores::asked_for().unwrap_or(temporary)).await?;
    let engine = Engine::builder().shared_store(store).executor(WasmExecutor::start(WasmOptions::default())).build()?;

    // The engine works while this future is polled; here a task of the host's runtime polls it.
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });

    let owner = OwnerId::new("you").map_err(|error| wren_core::Error::internal("a name", error))?;
    let script = include_str!("../scripts/heartbeat.py").to_owned();
    let receipt = engine.deploy(&owner, DeployRequest { script, ..DeployRequest::default() }).await?;
    println!("deployed {} as {}", receipt.overview.deployment.name, receipt.overview.deployment.id);

    let done = ListRuns { states: vec![RunState::Success], page: PageOptions::first(3), ..ListRuns::default() };
    let mut runs = engine.runs(&owner, done.clone()).await?.items;
    while runs.len() < 3 {
        engine.run_changed().await;
        runs = engine.runs(&owner, done.clone()).await?.items;
    }
    shutdown.cancel();
    running.await.map_err(|error| wren_core::Error::internal("the engine panicked", error))??;

    let mut table = Table::new();
    table.set_header(["run", "due", "status", "ms", "isolation", "printed"]);
    for run in runs.iter().rev() {
        let logs = engine.logs(&owner, run.id, 0, 100).await?;
        let printed: Vec<&str> = logs.iter().map(|entry| entry.text.as_str()).collect();
        table.add_row([
            run.id.to_string(),
            run.scheduled_for.format("%H:%M:%S").to_string(),
            run.state.as_str().to_owned(),
            run.duration_ms().unwrap_or_default().to_string(),
            run.isolation.as_ref().map(|isolation| isolation.tier.clone()).unwrap_or_default(),
            printed.join("\n"),
        ]);
    }
    println!("{table}");
    Ok(())
}
