//! Probes, for load balancers and supervisors.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::error::ApiResult;

/// `GET /healthz`: the process answers. It asks nothing else, so that a store that is away restarts no server.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /readyz`: the store and the executors can work, or could less than a second ago.
pub(crate) async fn ready(State(api): State<Api>) -> ApiResult<Json<Value>> {
    match api.readiness.of(&api.engine).await {
        Ok(()) => Ok(Json(json!({"status": "ready"}))),
        Err(error) => Err(error.with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}
