//! What came back, and the shape that every error has.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use wren_core::ErrorCode;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the body, which must be JSON under the given status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.text).unwrap()
    }

    /// Returns the error inside the body, which must have the spec's shape, the given status and the given code.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: ErrorCode) -> Value {
        let body = self.json(status);
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let error = body["error"].clone();
        assert_eq!(error["code"], code.as_str(), "{error}");
        assert_eq!(error["type"], code.class().as_str());
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert_eq!(error["correlation_id"].as_str(), self.header("x-correlation-id"));
        assert!(error.as_object().unwrap().values().all(|value| !value.is_null()), "absent keys are left out: {error}");
        error
    }
}
