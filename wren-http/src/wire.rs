//! The one place where an error becomes a response.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use wren_core::{CorrelationId, Error, ErrorClass, WireError, WireErrorBody};

use crate::error::ApiError;

/// When to try again if an error does not say, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// Writes the spec's error body. Of an `InternalError` the caller gets the code and the correlation id, under which the
/// log has the whole chain.
pub(crate) fn render(ApiError { error, status }: &ApiError, correlation: &CorrelationId) -> Response {
    if error.class() == ErrorClass::InternalError {
        tracing::error!(correlation_id = %correlation, code = %error.code(), cause = %error.chain(), "request failed");
    } else {
        tracing::debug!(correlation_id = %correlation, code = %error.code(), %status, "request refused");
    }
    let retry_after = error.retryable().then(|| retry_after(error));
    let error = WireError::from(error.as_ref()).with_correlation_id(correlation.clone());
    let mut response = (*status, Json(WireErrorBody { error })).into_response();
    if *status == StatusCode::UNAUTHORIZED {
        // RFC 9110, section 11.6.1: a 401 names the scheme that would do.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Returns when to ask again, in whole seconds: what the error's details say, or in a moment.
fn retry_after(error: &Error) -> u64 {
    let told = error.details().get("retry_after_s").and_then(Value::as_u64);
    told.unwrap_or(RETRY_AFTER_S).max(1)
}

#[cfg(test)]
mod tests {
    use wren_core::ErrorCode;

    use super::*;

    fn retry_after_of(error: Error) -> Option<String> {
        let response = render(&ApiError::from(error), &CorrelationId::generate());
        response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_error_that_may_pass_says_when_to_ask_again() {
        let limited = || Error::new(ErrorCode::RateLimited, "too many deploys wait");
        assert_eq!(retry_after_of(limited().with_detail("retry_after_s", 42)).as_deref(), Some("42"));
        assert_eq!(retry_after_of(limited().with_detail("retry_after_s", 0)).as_deref(), Some("1"));
        assert_eq!(retry_after_of(limited().with_detail("retry_after_s", "soon")).as_deref(), Some("5"));
        assert_eq!(retry_after_of(limited()).as_deref(), Some("5"));
        assert_eq!(retry_after_of(Error::new(ErrorCode::StoreUnavailable, "gone")).as_deref(), Some("5"));
        // An internal error keeps its details to itself, and yet says when.
        let busy = Error::new(ErrorCode::ExecutorUnavailable, "busy").with_detail("retry_after_s", 7);
        assert_eq!(retry_after_of(busy).as_deref(), Some("7"));
    }

    #[test]
    fn an_error_that_stays_says_nothing_of_another_time() {
        for code in [ErrorCode::Internal, ErrorCode::NotFound, ErrorCode::QuotaExceeded] {
            assert_eq!(retry_after_of(Error::new(code, "no").with_detail("retry_after_s", 42)), None);
        }
        assert_eq!(retry_after_of(Error::new(ErrorCode::RateLimited, "no").with_retryable(false)), None);
    }
}
