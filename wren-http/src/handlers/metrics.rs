//! The process's figures, for Prometheus and whatever reads its text format.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use wren_core::Error;

use crate::api::Api;
use crate::error::ApiResult;

/// Returns what the process counts and times.
///
/// In Prometheus's text format. It says nothing of an owner.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "probes",
    responses(
        (status = 200, description = "The figures.", body = String, content_type = "text/plain"),
        (status = 404),
    ),
)]
pub(crate) async fn metrics(State(api): State<Api>) -> ApiResult<Response> {
    let Some(metrics) = &api.metrics else {
        return Err(Error::not_found("a record of metrics on this server").into());
    };
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response())
}
