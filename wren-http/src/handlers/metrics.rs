//! The process's figures, for Prometheus and whatever reads its text format.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use wren_core::Error;

use crate::api::Api;
use crate::error::ApiResult;

/// `GET /metrics`: what the process counts and times, in Prometheus's text format. It says nothing of an owner.
pub(crate) async fn metrics(State(api): State<Api>) -> ApiResult<Response> {
    let Some(metrics) = &api.metrics else {
        return Err(Error::not_found("a record of metrics on this server").into());
    };
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response())
}
