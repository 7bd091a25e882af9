//! What of a script's headers is sent, and what of an answer's is returned.

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use wren_core::{Error, ErrorCode, Result};

/// How many headers a request may have.
const MOST: usize = 100;
/// How many bytes the names and values of a request's headers may have together.
const MOST_BYTES: usize = 64 * 1024;

/// For one connection only (RFC 9110, section 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // A request's length is that of its body, whatever the script says.
    "content-length",
];

/// What does not speak of who asks, and so may go to another origin after a redirect.
const FOR_ANYONE: [&str; 7] =
    ["accept", "accept-language", "content-encoding", "content-language", "content-type", "range", "user-agent"];

/// Reads a script's headers.
///
/// # Errors
/// `INVALID_REQUEST` when a name is no token or a value has a line break, a NUL or another control character in it: one header
/// could then be two, or a second request. Values are not quoted in the message, since they may be secret.
pub(super) fn parse<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<HeaderMap> {
    let invalid = |message: String| Error::new(ErrorCode::InvalidRequest, message);
    let mut parsed = HeaderMap::new();
    let mut bytes = 0;
    for (name, value) in headers {
        bytes += name.len() + value.len();
        if bytes > MOST_BYTES || parsed.len() >= MOST {
            return Err(invalid(format!("a request has {MOST} headers and {MOST_BYTES} bytes of them at most")));
        }
        let shown: String = name.chars().take(64).collect();
        let valid = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            invalid(format!("{shown:?} is no name of a header")).with_hint("use letters, digits and `-`")
        })?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            invalid(format!("the value of the header `{shown}` has a control character in it"))
                .with_hint("take line breaks out of it, or encode them")
        })?;
        parsed.append(valid, value);
    }
    Ok(parsed)
}

/// Drops what is for one connection only.
pub(super) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Drops what a script does not decide: the connection, the host, and what is meant for a proxy.
pub(super) fn drop_not_the_scripts(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    headers.remove(header::HOST);
    // Would let the client wait for an answer to half a request.
    headers.remove(header::EXPECT);
    drop_if(headers, |name| name.starts_with("proxy-"));
}

/// Drops what says who asks. The answer's encoding and its part are not the script's to choose either: a secret cannot be found in
/// what is compressed, nor half of one.
pub(super) fn drop_credentials(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, header::COOKIE, header::ACCEPT_ENCODING, header::RANGE, header::IF_RANGE] {
        headers.remove(name);
    }
}

/// Keeps what may go to another origin.
pub(super) fn keep_for_anyone(headers: &mut HeaderMap) {
    drop_if(headers, |name| !FOR_ANYONE.contains(&name));
}

/// Drops what describes a body, for a request that has none any more.
pub(super) fn drop_content(headers: &mut HeaderMap) {
    drop_if(headers, |name| name.starts_with("content-"));
}

fn drop_if(headers: &mut HeaderMap, condition: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| condition(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(headers: &[(&str, &str)], drop: impl Fn(&mut HeaderMap)) -> Vec<String> {
        let mut headers = parse(headers.iter().copied()).unwrap();
        drop(&mut headers);
        let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn one_header_cannot_be_two() {
        for (name, value) in [
            ("X-A", "1\r\nAuthorization: Bearer x"),
            ("X-A", "1\nX-B: 2"),
            ("X-A", "1\rX-B: 2"),
            ("X-A", "1\0"),
            ("X-A", "\u{7f}"),
            ("X-A: 1\r\nX-B", "2"),
            ("X A", "1"),
            ("X-A:", "1"),
            ("", "1"),
            ("é", "1"),
        ] {
            let error = parse([(name, value)]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{name:?} {value:?}");
            assert!(!error.message().contains("Bearer"), "{error}");
        }
        assert!(parse([("X-A", "a\tb é")]).is_ok());
        assert!(parse([("X-A", "a".repeat(MOST_BYTES).as_str())]).is_err());
        let many: Vec<String> = (0..=MOST).map(|number| format!("x-{number}")).collect();
        assert!(parse(many.iter().map(|name| (name.as_str(), ""))).is_err());
    }

    #[test]
    fn a_connections_headers_end_with_it() {
        let headers = [
            ("Connection", "close, X-Secret"),
            ("Connection", "x-other"),
            ("X-Secret", "1"),
            ("X-Other", "1"),
            ("Keep-Alive", "1"),
            ("TE", "trailers"),
            ("Trailer", "x"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Proxy-Connection", "close"),
            ("Content-Length", "3"),
            ("Content-Type", "text/plain"),
        ];
        assert_eq!(left(&headers, drop_hop_by_hop), ["content-type"]);
        let headers = [("Host", "evil"), ("Proxy-Authorization", "x"), ("Proxy-X", "x"), ("Expect", "100-continue")];
        assert_eq!(left(&headers, drop_not_the_scripts), [""; 0]);
    }

    #[test]
    fn another_origin_gets_what_is_for_anyone() {
        let headers = [("Authorization", "x"), ("Cookie", "x"), ("X-Api-Key", "x"), ("Accept", "*/*")];
        assert_eq!(left(&headers, keep_for_anyone), ["accept"]);
        assert_eq!(left(&headers, drop_credentials), ["accept", "x-api-key"]);
        assert_eq!(left(&[("Content-Type", "x"), ("Accept", "x")], drop_content), ["accept"]);
    }
}
