//! Probes, for load balancers and supervisors.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::error::ApiResult;

/// The process answers.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Alive {
    /// It does.
    Ok,
}

/// Runs can run.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Ready {
    /// They can.
    Ready,
}

/// Says that the process answers.
///
/// It asks nothing else, so that a store that is away restarts no server.
#[utoipa::path(
    get, path = "/healthz", operation_id = "alive", tag = "probes",
    responses((status = 200, description = "The process answers.", body = Alive)),
)]
pub(crate) async fn alive() -> Json<Alive> {
    Json(Alive::Ok)
}

/// Says whether runs can run.
///
/// The store and the executors can work, or could less than a second ago.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "probes",
    responses((status = 200, description = "Runs can run.", body = Ready), (status = 503)),
)]
pub(crate) async fn ready(State(api): State<Api>) -> ApiResult<Json<Ready>> {
    match api.readiness.of(&api.engine).await {
        Ok(()) => Ok(Json(Ready::Ready)),
        Err(error) => Err(error.with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}
