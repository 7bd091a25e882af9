//! What a handler, an extractor or a layer returns when it cannot do what was asked.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use wren_core::{Error, ErrorCode};

/// A core error on its way out, with the status that carries it.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) error: Arc<Error>,
    pub(crate) status: StatusCode,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// Sets a status other than the code's own.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error.code() {
            // A quota that begins anew by itself asks for patience, not for payment.
            ErrorCode::QuotaExceeded if error.retryable() => StatusCode::TOO_MANY_REQUESTS,
            code => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self { error: Arc::new(error), status }
    }
}

impl IntoResponse for ApiError {
    /// Hands the error to the edge, which alone knows the correlation id and writes the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Makes an `INVALID_REQUEST`.
pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidRequest, message).with_hint(hint)
}
