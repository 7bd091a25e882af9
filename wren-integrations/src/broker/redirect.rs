//! What a redirect makes of a request (RFC 9110, section 15.4, as browsers do it).

use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use url::Url;

use super::headers;
use super::transport::{Incoming, Outgoing};

/// How many redirects are followed.
pub(super) const MOST: usize = 5;

/// Returns where an answer sends the request; `None` when it is an answer.
pub(super) fn target(from: &Url, answer: &Incoming) -> Option<Url> {
    let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers.get(LOCATION).filter(|_| is_redirect)?;
    from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()
}

/// Makes the request that follows. To another origin goes nothing that says who asks.
pub(super) fn follow(request: Outgoing, status: StatusCode, to: Url) -> Outgoing {
    let Outgoing { mut method, url, mut headers, mut body } = request;
    let becomes_get = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        StatusCode::SEE_OTHER => method != Method::GET && method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        method = Method::GET;
        body = Bytes::new();
        headers::drop_content(&mut headers);
    }
    if to.origin() != url.origin() {
        headers::keep_for_anyone(&mut headers);
    }
    Outgoing { method, url: to, headers, body }
}
