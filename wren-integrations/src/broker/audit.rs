//! What the log's target `wren::audit` says of requests. Secrets that are taken out stand in the vault's own trail.

use reqwest::Method;
use url::Url;
use wren_core::host::RunContext;
use wren_core::{Error, ErrorClass};

const TARGET: &str = "wren::audit";

/// The longest text of a script in an entry, in bytes: nobody fills the log with one call.
const MOST: usize = 256;

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST)]
}

/// Writes that a request without a credential is about to be sent. Paths and queries may hold secrets and are left out.
pub(super) fn sending(context: &RunContext, method: &Method, url: &Url) {
    tracing::info!(
        target: TARGET,
        owner = context.owner.as_str(),
        run_id = %context.run_id,
        correlation_id = context.correlation_id.as_str(),
        method = cut(method.as_str()),
        host = url.host_str().unwrap_or_default(),
        "request sent"
    );
}

/// Writes that a request was refused, unless the error is about a fault on the way.
pub(super) fn refused(context: &RunContext, op: &str, integration: Option<&str>, error: &Error) {
    if error.retryable() || error.class() == ErrorClass::InternalError {
        return;
    }
    let (op, integration, reason) = (cut(op), integration.map(cut), cut(error.message()));
    // As values, not as `Display`: a script's line breaks are escaped.
    tracing::warn!(
        target: TARGET,
        owner = context.owner.as_str(),
        run_id = %context.run_id,
        correlation_id = context.correlation_id.as_str(),
        op,
        integration,
        code = error.code().as_str(),
        reason,
        "request refused"
    );
}
