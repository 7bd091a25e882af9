//! The one place where an error becomes a response.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use wren_core::{CorrelationId, ErrorClass, WireError, WireErrorBody};

use crate::error::ApiError;

/// Writes the spec's error body. Of an `InternalError` the caller gets the code and the correlation id, under which the
/// log has the whole chain.
pub(crate) fn render(ApiError { error, status }: &ApiError, correlation: &CorrelationId) -> Response {
    if error.class() == ErrorClass::InternalError {
        tracing::error!(correlation_id = %correlation, code = %error.code(), cause = %error.chain(), "request failed");
    } else {
        tracing::debug!(correlation_id = %correlation, code = %error.code(), %status, "request refused");
    }
    let error = WireError::from(error.as_ref()).with_correlation_id(correlation.clone());
    let mut response = (*status, Json(WireErrorBody { error })).into_response();
    if *status == StatusCode::UNAUTHORIZED {
        // RFC 9110, section 11.6.1: a 401 names the scheme that would do.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
