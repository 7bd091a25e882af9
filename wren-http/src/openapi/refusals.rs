//! The answers above 399: one for each status, the same for all operations.

use axum::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::Object;
use utoipa::openapi::{ContentBuilder, Header, Ref, Response, ResponseBuilder};
use wren_core::ErrorCode;

use super::{examples, shapes, words};
use crate::auth::Access;
use crate::router::RouteInfo;

/// Returns the statuses of the refusals that follow from what a route is: that it asks for a key, takes a body, names
/// something in its path.
pub(super) fn of(route: &RouteInfo, operation: &Operation) -> Vec<u16> {
    let has =
        |place: &ParameterIn| operation.parameters.iter().flatten().any(|parameter| parameter.parameter_in == *place);
    // A fault, and an answer that takes too long.
    let mut statuses = vec![500, 504];
    if matches!(route.access, Access::Key(_)) {
        statuses.extend([401, 403, 429, 503]);
    }
    if operation.request_body.is_some() {
        statuses.extend([400, 408, 413]);
    }
    if has(&ParameterIn::Query) || has(&ParameterIn::Header) {
        statuses.push(400);
    }
    if has(&ParameterIn::Path) {
        statuses.push(404);
    }
    statuses
}

/// Returns the name of the component for a status.
pub(super) fn name(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.unwrap_or("Error").split_whitespace().collect()
}

/// Makes the answer for a status; `as_page` for a browser that asks for `text/html`, too.
pub(super) fn response(status: u16, as_page: bool) -> Response {
    let body = Ref::from_schema_name(shapes::ErrorBody::name());
    let mut response = ResponseBuilder::new()
        .description(description(status))
        .content("application/json", ContentBuilder::new().schema(Some(body)).example(examples::error(status)).build());
    if as_page {
        let page = words::string().build();
        response = response.content("text/html", ContentBuilder::new().schema(Some(page)).build());
    }
    if status == 401 {
        let mut scheme = Header::new(words::one_of(&["Bearer"]));
        scheme.description = Some("The scheme that would do.".to_owned());
        response = response.header("WWW-Authenticate", scheme);
    }
    if matches!(status, 429 | 503 | 504) {
        let seconds: Object = words::integer().minimum(Some(1)).build();
        let mut header = Header::new(seconds);
        header.description = Some("When to ask again, in seconds; absent where that would not help.".to_owned());
        response = response.header("Retry-After", header);
    }
    response.build()
}

fn description(status: u16) -> String {
    let what = match status {
        400 => "The request is malformed.",
        401 => "The API key is missing, wrong, expired or revoked.",
        402 => "A quota is used up.",
        403 => "It is not allowed.",
        404 => "There is no such thing, or it belongs to another owner.",
        408 => "The body did not arrive in time.",
        409 => "Its state does not allow it, or an integration is not connected.",
        413 => "The body is too large.",
        415 => "The body is of a media type that is not taken.",
        422 => "What was sent can be read, and has faults.",
        429 => "Too much at once, or today.",
        503 => "The store, the vault or an executor cannot be reached.",
        504 => "The answer took too long; what was begun is brought to its end.",
        _ => "A fault of the platform.",
    };
    let own = ErrorCode::ALL.iter().filter(|code| code.status() == status).copied();
    // Statuses that are more exact than their code's own.
    let other = match status {
        408 | 413 | 415 => Some(ErrorCode::InvalidRequest),
        429 => Some(ErrorCode::QuotaExceeded),
        504 => Some(ErrorCode::Internal),
        _ => None,
    };
    let codes: Vec<String> = own.chain(other).map(|code| format!("`{code}`")).collect();
    format!("{what} The code is {}.", codes.join(", "))
}
