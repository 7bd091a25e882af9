//! Requests of which nobody can say whom they are meant for.

use axum::response::Response;
use hyper::header::HOST;
use hyper::{Request, Version};
use wren_core::Error;

use crate::correlation;
use crate::error::invalid;

/// Returns the refusal of a request without exactly one `Host`, as RFC 9112, section 3.2, demands: of two, a proxy and this
/// server could each believe another one. HTTP/1.0 has none.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Response> {
    let error = judge(request)?;
    Some(correlation::refuse(error.into()))
}

fn judge<B>(request: &Request<B>) -> Option<Error> {
    let message = match request.headers().get_all(HOST).iter().count() {
        1 => return None,
        0 if request.version() < Version::HTTP_11 => return None,
        0 => "the request has no `Host` header",
        _ => "the request has more than one `Host` header",
    };
    Some(invalid(message, "send one `Host` header, with the server's name"))
}
