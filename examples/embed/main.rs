//! Wren inside a service that has routes of its own: the host keeps its runtime, its router and its shutdown.
//!
//! `curl -X POST --data-binary @examples/scripts/on_call_rota.py localhost:3000/scripts`, then `curl localhost:3000/runs`.

#![allow(clippy::print_stdout, reason = "a program for people to watch")]

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wren_core::deploy::DeployRequest;
use wren_core::engine::Engine;
use wren_core::memory::MemoryStore;
use wren_core::store::ListRuns;
use wren_core::{Error, OwnerId, WireError};
use wren_exec_wasm::{WasmExecutor, WasmOptions};

/// The service's own state: an engine among whatever else it has.
#[derive(Debug, Clone)]
struct App {
    engine: Engine,
    tenant: OwnerId,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .store(MemoryStore::default())
        .executor(WasmExecutor::start(WasmOptions::default()))
        .build()?;
    let app = App { engine: engine.clone(), tenant: OwnerId::new("tenant-1")? };
    let router = Router::new()
        .route("/", get(|| async { "a service that runs its tenants' scripts" }))
        .route("/scripts", post(deploy))
        .route("/runs", get(runs))
        .with_state(app);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let server = axum::serve(listener, router).with_graceful_shutdown({
        let shutdown = shutdown.clone();
        async move {
            let _ = tokio::signal::ctrl_c().await;
            shutdown.cancel();
        }
    });
    // One future among the host's others: it ends when the runs in progress have ended.
    let (served, ran) = tokio::join!(async { server.await }, engine.run(shutdown.clone()));
    served?;
    Ok(ran?)
}

type Failure = (StatusCode, Json<WireError>);

fn failure(error: Error) -> Failure {
    let status = StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(WireError::from(&error)))
}

async fn deploy(State(app): State<App>, script: String) -> Result<Json<Value>, Failure> {
    let request = DeployRequest { script, ..DeployRequest::default() };
    let receipt = app.engine.deploy(&app.tenant, request).await.map_err(failure)?;
    Ok(Json(json!({"id": receipt.overview.deployment.id, "next_run": receipt.overview.next_run()})))
}

async fn runs(State(app): State<App>) -> Result<Json<Value>, Failure> {
    let page = app.engine.runs(&app.tenant, ListRuns::default()).await.map_err(failure)?;
    let runs: Vec<Value> = page
        .items
        .iter()
        .map(|run| json!({"id": run.id, "status": run.state, "due": run.scheduled_for, "result": run.result}))
        .collect();
    Ok(Json(json!({"runs": runs})))
}
