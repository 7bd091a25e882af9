//! A request as a script describes it, and an answer as a script gets it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use serde_json::{Map, Value, json};
use url::Url;
use wren_core::guest::MAX_FRAME_BYTES;
use wren_core::{Error, ErrorCode, Result};

use super::budget::Share;
use super::failure;
use super::headers;
use super::options::BrokerOptions;
use super::transport::Incoming;

/// What a frame has around an answer: its kind, the call's number, and two quotes in place of a null.
const AROUND: usize = 64;

/// What a request has besides its place.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
}

/// The parts of a request, not looked at yet.
pub(super) struct Parts<'a> {
    pub(super) method: &'a str,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: Bytes,
    pub(super) timeout: Option<Duration>,
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidRequest, message)
}

impl Parts<'_> {
    /// Looks at the parts.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a method that is none or not for scripts, a bad header, or a body that is too large.
    pub(super) fn check(self, options: &BrokerOptions) -> Result<Call> {
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| invalid("the method is not one of HTTP"))?;
        // CONNECT makes a tunnel; TRACE has the server return every header, a credential, too.
        if method == Method::CONNECT || method == Method::TRACE {
            return Err(invalid(format!("the method {method} is not for scripts")));
        }
        if self.body.len() > options.max_request_body {
            return Err(too_large(self.body.len(), options));
        }
        let mut headers = headers::parse(self.headers)?;
        headers::drop_not_the_scripts(&mut headers);
        let timeout = self.timeout.unwrap_or(options.timeout).min(options.max_timeout);
        Ok(Call { method, headers, body: self.body, timeout })
    }
}

fn too_large(size: usize, options: &BrokerOptions) -> Error {
    invalid(format!("the request's body has {size} bytes, it may have {}", options.max_request_body))
        .with_hint("send less at a time")
}

/// Returns a text among arguments.
pub(super) fn text<'a>(args: &'a Map<String, Value>, key: &str) -> Result<&'a str> {
    optional_text(args, key)?.ok_or_else(|| invalid(format!("the request needs a text `{key}`")))
}

/// Returns a text among arguments; `None` when it is absent or null.
pub(super) fn optional_text<'a>(args: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>> {
    match args.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("`{key}` is not a text"))),
    }
}

/// Returns the object among arguments that has the arguments of an action; an empty one when it is absent or null.
pub(super) fn object<'a>(args: &'a Map<String, Value>, key: &str) -> Result<Cow<'a, Map<String, Value>>> {
    match args.get(key) {
        None | Some(Value::Null) => Ok(Cow::Owned(Map::new())),
        Some(Value::Object(object)) => Ok(Cow::Borrowed(object)),
        Some(_) => Err(invalid(format!("`{key}` is not an object"))),
    }
}

/// Returns a list of texts among arguments; one text is a list of one, and nothing an empty list.
pub(super) fn texts<'a>(args: &'a Map<String, Value>, key: &str) -> Result<Vec<&'a str>> {
    let wrong = || invalid(format!("`{key}` is not a list of texts")).with_detail("argument", key);
    match args.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

/// Returns a whole number among arguments, which has to be from 1 to `most`.
pub(super) fn limit(args: &Map<String, Value>, key: &str, most: u64) -> Result<u64> {
    let limit = args.get(key).and_then(Value::as_u64).filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| invalid(format!("`{key}` is not a whole number from 1 to {most}")).with_detail("argument", key))
}

/// Reads `method`, `headers`, `body` and `timeout_ms`.
pub(super) fn parts<'a>(args: &'a Map<String, Value>, options: &BrokerOptions) -> Result<Parts<'a>> {
    let headers = match args.get("headers") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(headers)) => headers
            .iter()
            .map(|(name, value)| Ok((name.as_str(), value.as_str().ok_or_else(|| invalid("a header is not a text"))?)))
            .collect::<Result<_>>()?,
        Some(_) => return Err(invalid("`headers` is not an object")),
    };
    let body = optional_text(args, "body")?.unwrap_or_default();
    // Before it is decoded: three bytes of four characters.
    if body.len() / 4 * 3 > options.max_request_body.saturating_add(2) {
        return Err(too_large(body.len() / 4 * 3, options));
    }
    let body = STANDARD.decode(body).map_err(|_| invalid("`body` is not base64"))?;
    let timeout = match args.get("timeout_ms") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64() {
            Some(milliseconds) if milliseconds > 0 => Some(Duration::from_millis(milliseconds)),
            _ => return Err(invalid("`timeout_ms` is not a whole number above 0")),
        },
    };
    Ok(Parts { method: optional_text(args, "method")?.unwrap_or("GET"), headers, body: body.into(), timeout })
}

/// A body that holds its share of the memory for answers as long as anybody has it.
struct Held {
    body: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// The answer to a request, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers, their names in lower case, several of one name joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The body. It counts as in flight until it is dropped, see [`BrokerOptions::max_bytes_in_flight`].
    pub body: Bytes,
    /// What was asked in the end, after redirects.
    pub url: String,
}

impl HttpAnswer {
    pub(super) fn new(url: &Url, answer: Incoming) -> Self {
        let Incoming { status, mut headers, body, share } = answer;
        headers::drop_hop_by_hop(&mut headers);
        headers.remove(CONTENT_LENGTH);
        let mut joined: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            joined
                .entry(name.as_str().to_owned())
                .and_modify(|values| *values = format!("{values}, {value}"))
                .or_insert_with(|| value.into_owned());
        }
        let body = Bytes::from_owner(Held { body, _share: share });
        Self { status: status.as_u16(), headers: joined, body, url: url.to_string() }
    }

    /// Returns the answer as the guest protocol has it.
    ///
    /// # Errors
    /// `OUTPUT_LIMIT` when it would not fit into a frame: said here, where it can be said of the body.
    pub(super) fn into_json(self) -> Result<Value> {
        let mut answer = json!({"status": self.status, "headers": self.headers, "body": null, "url": self.url});
        // A `Value` has string keys only, so serialising into memory cannot fail.
        let around = AROUND + serde_json::to_vec(&answer).map_or(0, |json| json.len());
        // Base64 has four characters for three bytes.
        let most = MAX_FRAME_BYTES.saturating_sub(around) / 4 * 3;
        if self.body.len() > most {
            let host = Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
            return Err(failure::too_large(&host.unwrap_or_default(), most));
        }
        if !self.body.is_empty() {
            answer["body"] = STANDARD.encode(&self.body).into();
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use wren_core::guest;

    use super::*;

    #[test]
    fn an_answer_fits_into_a_frame_or_says_how_much_would() {
        let answer = |size: usize| HttpAnswer {
            status: 200,
            headers: BTreeMap::from([("x-quoted".to_owned(), "\"".repeat(1000))]),
            body: vec![b'x'; size].into(),
            url: "https://api.example.com/".to_owned(),
        };
        let error = answer(MAX_FRAME_BYTES).into_json().unwrap_err();
        assert_eq!(error.code(), ErrorCode::OutputLimit);
        let (before, _) = error.message().split_once(" bytes").unwrap();
        let most: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(error.message().contains("`api.example.com`"), "{error}");
        assert!(answer(most + 1).into_json().is_err());
        let frame = guest::reply_ok(u64::MAX, answer(most).into_json().unwrap()).to_string();
        assert!((MAX_FRAME_BYTES - 100..=MAX_FRAME_BYTES).contains(&frame.len()), "{}", frame.len());
    }

    #[test]
    fn the_largest_body_fits_with_all_headers_that_are_read() {
        let headers = BTreeMap::from([("x".to_owned(), "\"".repeat(256 * 1024))]);
        let body = vec![b'x'; BrokerOptions::default().max_response_body].into();
        assert!(HttpAnswer { status: 200, headers, body, url: "https://a.example/".to_owned() }.into_json().is_ok());
    }
}
