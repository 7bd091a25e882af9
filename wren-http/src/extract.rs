//! Ids in paths and keys in headers.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderName;
use axum::http::request::Parts;
use wren_core::{DeploymentId, Error, KeyId, RunId};

use crate::error::{ApiError, ApiResult, invalid};

/// The header that makes a repeated request one request, after the IETF draft
/// `draft-ietf-httpapi-idempotency-key-header`.
const IDEMPOTENCY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest idempotency key, in bytes; a store takes 512.
pub(crate) const MAX_IDEMPOTENCY_KEY: usize = 255;

/// An id that may stand in a path.
pub(crate) trait PathId: FromStr {
    /// What it names.
    const WHAT: &'static str;
    /// How it begins.
    const PREFIX: &'static str;
}

impl PathId for DeploymentId {
    const WHAT: &'static str = "deployment";
    const PREFIX: &'static str = Self::PREFIX;
}

impl PathId for RunId {
    const WHAT: &'static str = "run";
    const PREFIX: &'static str = Self::PREFIX;
}

impl PathId for KeyId {
    const WHAT: &'static str = "key";
    const PREFIX: &'static str = Self::PREFIX;
}

/// The longest name of an integration, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 64;

/// The name of an integration in a route's path. Whether there is one of that name is for the handler to say.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) if name.len() <= MAX_NAME_BYTES => Ok(Self(name)),
            _ => Err(Error::not_found("an integration of so long a name, or one that is no text").into()),
        }
    }
}

/// The id in a route's path. What cannot be an id is answered like one that does not exist.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: PathId, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let text = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => text,
            Err(_) => String::new(),
        };
        let missing = || {
            let shown: String = text.chars().take(64).collect();
            let hint = format!("the id of a {} has the form `{}_…`", T::WHAT, T::PREFIX);
            Error::not_found(format!("{} `{shown}`", T::WHAT)).with_hint(hint)
        };
        Ok(Self(text.parse().map_err(|_| missing())?))
    }
}

/// The request's `Idempotency-Key`, if it has one.
#[derive(Debug)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_HEADER).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let key = value.to_str().ok().filter(|key| (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()));
        match (key, values.next()) {
            (Some(key), None) => Ok(Self(Some(key.to_owned()))),
            _ => {
                let hint = format!("send one, of 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters");
                Err(invalid("the `Idempotency-Key` header cannot be used", hint).into())
            }
        }
    }
}
