//! A world to test in: an engine on a store in memory, a scripted executor, a clock moved by hand, and two owners.

mod answer;
pub(crate) mod contract;
mod executor;
mod log;
mod seed;
mod shared;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::Value;
use tower::ServiceExt;
use wren_core::OwnerId;
use wren_core::clock::ManualClock;
use wren_core::engine::Engine;
use wren_core::integration::IntegrationDirectory;
use wren_core::keys::{ApiKeys, NewApiKey};
use wren_core::memory::MemoryStore;
use wren_core::store::{RecordStore, Store};
use wren_http::{Api, router};

use contract::Sent;

pub(crate) use answer::Answer;
pub(crate) use executor::{Check, FakeExecutor};
pub(crate) use log::logged;
pub(crate) use seed::schedule;
pub(crate) use shared::SharedStore;

/// The instant at which the spec's example of a deploy happens.
pub(crate) const NOW: &str = "2024-12-08T10:30:00Z";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn ada() -> OwnerId {
    OwnerId::new("ada@example.com").unwrap()
}

pub(crate) fn bob() -> OwnerId {
    OwnerId::new("bob@example.com").unwrap()
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) router: Router,
    pub(crate) executor: Arc<FakeExecutor>,
    pub(crate) clock: ManualClock,
    /// Ada's key, with every scope: what requests carry unless they say otherwise.
    pub(crate) key: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|api| api).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(Api) -> Api) -> Self {
        Self::on(Arc::new(MemoryStore::new()), |_, api| adjust(api)).await
    }

    /// A world on a store that others may be on, too.
    pub(crate) async fn on(store: Arc<dyn Store>, adjust: impl FnOnce(&Engine, Api) -> Api) -> Self {
        log::collect();
        let executor = Arc::new(FakeExecutor::default());
        let clock = ManualClock::new(at(NOW));
        let engine = Engine::builder()
            .shared_store(store)
            .shared_executor(Arc::<FakeExecutor>::clone(&executor))
            .clock(clock.clone())
            .integrations(IntegrationDirectory::default().with("openai", "OpenAI"))
            .build()
            .unwrap();
        // The clock stands still: whoever wants requests counted says so.
        let router = router(adjust(&engine, Api::new(engine.clone()).with_rate_limit(None)));
        let mut world = Self { engine, router, executor, clock, key: String::new() };
        world.key = world.key_of(&ada(), &["admin"]).await;
        world
    }

    pub(crate) async fn key_of(&self, owner: &OwnerId, scopes: &[&str]) -> String {
        let new = NewApiKey::new(owner.clone()).with_scopes(scopes.iter().map(|&scope| scope.to_owned()).collect());
        self.create_key(new).await
    }

    pub(crate) async fn create_key(&self, new: NewApiKey) -> String {
        let (_, secret) = self.keys().create(new, at(NOW)).await.unwrap();
        secret.expose_secret().to_owned()
    }

    pub(crate) fn keys(&self) -> ApiKeys {
        let records: Arc<dyn RecordStore> = Arc::<dyn Store>::clone(self.engine.store());
        ApiKeys::new(records)
    }

    /// Sends a request, and holds it and its answer against the OpenAPI document.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (sent, request) = Sent::of(request).await;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let answer = Answer::read(response).await;
        contract::check(&sent, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path).body(Body::empty()).unwrap()).await
    }

    /// Posts without a body.
    pub(crate) async fn poke(&self, path: &str) -> Answer {
        self.send(self.request("POST", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Begins a request with Ada's key.
    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        request_as(&self.key, method, path)
    }
}

/// Begins a request with a key.
pub(crate) fn request_as(key: &str, method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {key}"))
}
