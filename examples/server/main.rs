//! The reference server: Wren's HTTP API over an engine, assembled from the public API only.
//!
//! `cargo run --example server -- DATA_FOLDER`; it prints an API key for the owner `admin` when it starts on a new folder.

#![allow(clippy::print_stdout, reason = "a program for people to watch")]

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use wren_core::OwnerId;
use wren_core::engine::Engine;
use wren_core::keys::{ApiKeys, NewApiKey};
use wren_core::store::Store;
use wren_exec_wasm::{WasmExecutor, WasmOptions};
use wren_http::Api;
use wren_store_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::INFO).init();
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("wren-data"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_path(folder.join("wren.db")).await?);
    let engine = Engine::builder()
        .shared_store(Arc::clone(&store))
        .executor(WasmExecutor::start(WasmOptions::default()))
        .build()?;

    let keys = ApiKeys::new(store);
    let admin = OwnerId::new("admin")?;
    let now = engine.clock().now();
    if keys.list(&admin, now).await?.is_empty() {
        let (_, secret) = keys.create(NewApiKey::new(admin), now).await?;
        println!("API key of `admin`, shown once: {}", secret.expose_secret());
    }

    let listener = tokio::net::TcpListener::bind("127.0.0.1:7878").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let router = wren_http::router(Api::new(engine.clone()));
    let (served, ran, ()) =
        tokio::join!(wren_http::serve(listener, router, shutdown.clone()), engine.run(shutdown.clone()), async {
            let _ = tokio::signal::ctrl_c().await;
            shutdown.cancel();
        },);
    served?;
    Ok(ran?)
}
