//! Wren's HTTP API: an axum [`Router`](axum::Router) over an [`Engine`](wren_core::engine::Engine).
//!
//! ```no_run
//! # async fn example(engine: wren_core::engine::Engine) -> std::io::Result<()> {
//! use tokio_util::sync::CancellationToken;
//! use wren_http::{Api, router, serve};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! serve(listener, router(Api::new(engine)), CancellationToken::new()).await
//! # }
//! ```
//!
//! Every route under `/v1` asks for an API key as `Authorization: Bearer wren_…` that has the route's scope, but for the one
//! that takes mail, which is signed; [`routes`] lists them. Every answer carries `X-Correlation-ID`. Every error is `{"error": {…}}`, made in one place.
//! `GET /openapi.json` is the OpenAPI 3.1 document of all this, made from the code ([`openapi_json`]), and `GET /docs` a page that shows it.
//!
//! It names no store and no executor, and ends no TLS: put it behind a proxy, or nest the router in a service of your
//! own. It does not run the engine either: the host of both spawns [`Engine::run`](wren_core::engine::Engine::run).

mod api;
mod auth;
mod body;
mod correlation;
mod deadline;
mod error;
mod extract;
mod handlers;
mod known_keys;
mod limit;
mod measure;
mod openapi;
mod pages;
mod query;
mod readiness;
mod router;
mod server;
mod spans;
mod streams;
mod unique;
pub mod views;
mod wire;

pub use api::Api;
pub use auth::{Access, Scope};
pub use correlation::CORRELATION_HEADER;
pub use limit::{RateLimit, TrustedProxy};
pub use measure::describe_measures;
pub use openapi::openapi_json;
pub use router::{RouteInfo, router, routes};
pub use server::{ServeOptions, serve, serve_with};
