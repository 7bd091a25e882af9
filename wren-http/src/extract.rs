//! Ids in paths and keys in headers.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderName;
use axum::http::header::IF_NONE_MATCH;
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
        Ok(Self(parsed(&text)?))
    }
}

fn parsed<T: PathId>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        let hint = format!("the id of a {} has the form `{}_…`", T::WHAT, T::PREFIX);
        Error::not_found(format!("{} `{shown}`", T::WHAT)).with_hint(hint)
    })
}

/// A deployment and the number of a revision, in a route's path.
#[derive(Debug)]
pub(crate) struct Numbered(pub(crate) DeploymentId, pub(crate) u32);

impl<S: Send + Sync> FromRequestParts<S> for Numbered {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let (id, number) = match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path(both)) => both,
            Err(_) => Default::default(),
        };
        let id = parsed::<DeploymentId>(&id)?;
        let number = number.parse().map_err(|_| {
            let shown: String = number.chars().take(64).collect();
            let hint = "revisions count from 1 to the deployment's current one";
            Error::not_found(format!("revision `{shown}`")).with_hint(hint)
        })?;
        Ok(Self(id, number))
    }
}

/// The request's `If-None-Match`, as RFC 9110, section 13.1.2, has it.
#[derive(Debug)]
pub(crate) struct Matching(Vec<String>);

impl<S: Sync> FromRequestParts<S> for Matching {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let tags = values.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned());
        Ok(Self(tags.collect()))
    }
}

impl Matching {
    /// Says whether the caller has what this tag stands for. A tag that a proxy made weak is as good here; our own hold no
    /// commas.
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.0.iter().any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
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
