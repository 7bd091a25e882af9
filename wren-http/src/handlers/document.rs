//! The OpenAPI document, and a page that shows it.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use wren_core::Error;

use crate::api::Api;
use crate::error::ApiResult;
use crate::openapi::openapi_json;

/// The page: a document of its own, which reads `openapi.json` from beside it.
const PAGE: &str = include_str!("../../docs.html");

/// Nothing but what the page brings itself, by its hash, and what this server answers. The rest of the page's work is
/// written as text, never as markup.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(PAGE, "style"),
        hash(PAGE, "script"),
    )
});

/// Returns this document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "document",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = std::collections::HashMap<String, serde_json::Value>)),
)]
pub(crate) async fn json() -> Response {
    ([(CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

/// Shows this document in a browser.
///
/// The page needs nothing from elsewhere.
#[utoipa::path(
    get, path = "/docs", operation_id = "docs", tag = "document",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn page() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY.as_str())], Html(PAGE)).into_response()
}

/// Returns what an agent has to know.
///
/// In Markdown: how scripts are written and deployed, what they may use, and every error code with what to do about it.
#[utoipa::path(
    get, path = "/llms.txt", operation_id = "guide", tag = "document",
    responses((status = 200, description = "The guide.", body = String, content_type = "text/plain"), (status = 404)),
)]
pub(crate) async fn guide(State(api): State<Api>) -> ApiResult<Response> {
    let guide = api.guide.as_deref().ok_or_else(|| Error::not_found("a guide on this server"))?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], guide.to_owned()).into_response())
}

/// Returns what a policy says of the page's one element of a name: the hash of what stands in it, to the byte.
fn hash(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let inside = page.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map_or("", |(inside, _)| inside);
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(inside)))
}
