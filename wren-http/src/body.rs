//! Reading request bodies: bounded in bytes and in time, and refused with what is wrong where.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use wren_core::Error;

use crate::api::Api;
use crate::error::{ApiError, ApiResult, invalid};
use crate::unique::expect_unique_keys;

/// What a route takes as its body.
pub(crate) trait Payload: DeserializeOwned {
    /// Returns the largest body of its route, in bytes; [`Api::with_body_limit`] may set less.
    fn limit(_: &Api) -> usize {
        256 * 1024
    }

    /// Makes the error for a body above the limit.
    fn too_large(limit: usize) -> ApiError {
        let error = invalid(format!("the body is larger than {limit} bytes"), "send less at once");
        ApiError::from(error).with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }
}

const SEND_AN_OBJECT: &str = "send one JSON object; a JSON encoder escapes line breaks and quotes in a script";

/// A body in JSON; `Option<Json<T>>` takes an empty one, too.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Payload> FromRequest<Api> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Self> {
        match <Self as OptionalFromRequest<Api>>::from_request(request, api).await? {
            Some(payload) => Ok(payload),
            None => Err(invalid("the body is empty", "send a JSON object").into()),
        }
    }
}

impl<T: Payload> OptionalFromRequest<Api> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Option<Self>> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, api, T::limit(api).min(api.body_limit), T::too_large).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        expect_json(&parts.headers)?;
        Ok(Some(Self(parse(&bytes)?)))
    }
}

/// What a route takes as a form.
pub(crate) trait FormFields: Sized {
    /// The fields that it knows.
    const NAMES: &'static [&'static str];

    /// Takes the fields; one that is empty counts as absent, as browsers send it.
    fn read(take: impl FnMut(&str) -> Option<SecretString>) -> Self;
}

/// A form as a page sends it: `application/x-www-form-urlencoded`.
#[derive(Debug)]
pub(crate) struct Form<T>(pub(crate) T);

impl<T: FormFields> FromRequest<Api> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Self> {
        const LIMIT: usize = 256 * 1024;
        let (parts, body) = request.into_parts();
        let too_large = |limit| {
            let error = invalid(format!("the form is larger than {limit} bytes"), "send less at once");
            ApiError::from(error).with_status(StatusCode::PAYLOAD_TOO_LARGE)
        };
        let bytes = read(body, api, LIMIT.min(api.body_limit), too_large).await?;
        let essence = essence(&parts.headers);
        if essence.as_deref() != Some("application/x-www-form-urlencoded") {
            let message = "the body is not declared as a form";
            return Err(invalid(message, "send `Content-Type: application/x-www-form-urlencoded`").into());
        }
        let mut fields: Vec<(String, SecretString)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(&bytes) {
            // Not quoted: whoever puts a key in the wrong field does not want to see it in a log.
            if !T::NAMES.contains(&&*name) {
                let hint = format!("it has {}", T::NAMES.join(", "));
                return Err(invalid("the form has a field that it should not have", hint).into());
            }
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(invalid(format!("the form has `{name}` twice"), "send it once").into());
            }
            fields.push((name.into_owned(), value.into_owned().into()));
        }
        fields.retain(|(_, value)| !value.expose_secret().is_empty());
        Ok(Self(T::read(|name| {
            let place = fields.iter().position(|(other, _)| other == name)?;
            Some(fields.swap_remove(place).1)
        })))
    }
}

/// Reads a body that arrives in time and is no larger than the limit. One that says that it is larger is not read at all.
pub(crate) async fn read(body: Body, api: &Api, limit: usize, too_large: fn(usize) -> ApiError) -> ApiResult<Bytes> {
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let limited = Limited::new(body, limit).collect();
    let collected = tokio::time::timeout(api.body_timeout, limited).await.map_err(|_| {
        let message = format!("the body did not arrive within {:?}", api.body_timeout);
        ApiError::from(invalid(message, "send the body without pauses")).with_status(StatusCode::REQUEST_TIMEOUT)
    })?;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(error) => {
            let hint = "send the whole body, of the length that `Content-Length` says";
            Err(invalid("the body broke off", hint).with_source(error).into())
        }
    }
}

/// Returns the media type without its parameters, in lower case.
pub(crate) fn essence(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.and_then(|value| value.split(';').next()).map(|value| value.trim().to_ascii_lowercase())
}

/// Takes `application/json` and `application/…+json`, with any parameters.
fn expect_json(headers: &HeaderMap) -> Result<(), Error> {
    let essence = essence(headers);
    let is_json = essence.as_deref().and_then(|essence| essence.strip_prefix("application/"));
    if is_json.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json")) {
        return Ok(());
    }
    let message = match essence {
        Some(essence) => format!("the body is declared as `{essence}`, not as JSON"),
        None => "the request has no `Content-Type`".to_owned(),
    };
    Err(invalid(message, "send `Content-Type: application/json`"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("the body is not UTF-8: byte {} belongs to no character", error.valid_up_to() + 1);
        invalid(message, "encode the JSON as UTF-8")
    })?;
    expect_object(text)?;
    expect_unique_keys(text)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        describe(error.inner(), Some(path).filter(|path| path != "."))
    })?;
    deserializer.end().map_err(|error| describe(&error, None))?;
    Ok(value)
}

/// Refuses what begins like anything but an object. serde would take an array for a struct, its elements for the keys in
/// the order of their declaration: `[]` as a body would be an answer to a question that nobody documented.
fn expect_object(text: &str) -> Result<(), Error> {
    let begun = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let Some(first) = begun.chars().next().filter(|&first| first != '{') else { return Ok(()) };
    let before = &text[..text.len() - begun.len()];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
    let shown = if first.is_ascii_graphic() { first.to_string() } else { first.escape_default().to_string() };
    let message = format!("the body is not a JSON object: it begins with `{shown}` at line {line} column {column}");
    Err(invalid(message, SEND_AN_OBJECT).with_detail("line", line).with_detail("column", column))
}

fn describe(error: &serde_json::Error, path: Option<String>) -> Error {
    // serde_json ends its messages with the place, which stands in the details, too.
    let (line, column) = (error.line(), error.column());
    let what = match (error.is_data(), &path) {
        (true, Some(path)) => format!("`{path}`: {error}"),
        (true, None) => format!("the body does not fit: {error}"),
        (false, _) => format!("the body is not JSON: {error}"),
    };
    let hint =
        if error.is_data() { "send the keys and types that the API's documentation names" } else { SEND_AN_OBJECT };
    let described = invalid(what, hint).with_detail("line", line).with_detail("column", column);
    match path {
        Some(path) => described.with_detail("path", path),
        None => described,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_known_by_its_media_type() {
        for (value, fits) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.wren+json", true),
            ("text/json", false),
            ("application/jsonp", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(expect_json(&headers).is_ok(), fits, "{value}");
        }
        assert!(expect_json(&HeaderMap::new()).is_err());
    }
}
