//! Who calls, and whether the key allows it.

use std::fmt;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use wren_core::keys::ApiKey;
use wren_core::{Error, ErrorCode, OwnerId};

use crate::api::Api;
use crate::error::{ApiError, ApiResult};
use crate::limit::{Peer, Standing, proof};

/// What a key may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Seeing deployments, runs and logs.
    Read,
    /// Deploying, previewing, pausing, resuming and removing.
    Deploy,
    /// Starting and cancelling runs.
    Run,
    /// Connecting integrations, managing keys, and all that the others allow.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Self::Read, Self::Deploy, Self::Run, Self::Admin];

    /// Returns the scope as it stands in a key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deploy => "deploy",
            Self::Run => "run",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Nothing: for probes that tell nothing about anybody.
    Public,
    /// No key, but a signature under the secret of what the path names, over all that the request brings.
    Signed,
    /// A key with this scope.
    Key(Scope),
}

/// The key that the request came with, and its owner.
///
/// A handler that takes one refuses every request that has not passed [`require`], whatever its route declares.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) owner: OwnerId,
    pub(crate) key: ApiKey,
}

/// What a layer asks of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) scope: Scope,
    /// Whether the key's requests are counted.
    pub(crate) is_limited: bool,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Ok(parts.extensions.get::<Self>().cloned().ok_or_else(|| refused("the request has no API key"))?)
    }
}

/// Lets requests through that come with a key of the scope, and not too many of them.
pub(crate) async fn require(
    State((api, demand)): State<(Api, Demand)>,
    mut request: Request,
    next: Next,
) -> ApiResult<Response> {
    let peer = Peer::find(&api, request.extensions(), request.headers());
    let token = match bearer(request.headers()) {
        Ok(token) => SecretString::from(token),
        Err(error) => {
            let now = api.engine.clock().now();
            api.limiter.may_try(peer, None, now)?;
            api.limiter.failed(peer, None, now);
            return Err(error.into());
        }
    };
    let key = verified(&api, &token, peer).await?;
    let standing = match demand.is_limited {
        true => api.limiter.request(&**api.engine.store(), key.id, api.engine.clock().now()).await,
        false => None,
    };
    let mut answer =
        match (standing.and_then(|standing| Some((standing, standing.refused()?))), allowed(&key, demand.scope)) {
            (Some((standing, wait_s)), _) => ApiError::from(too_many(standing, wait_s)).into_response(),
            (None, Err(error)) => ApiError::from(error).into_response(),
            (None, Ok(())) => {
                tracing::debug!(owner = %key.owner, key = %key.id, "authenticated");
                request.extensions_mut().insert(Caller { owner: key.owner.clone(), key });
                next.run(request).await
            }
        };
    for (name, value) in standing.iter().flat_map(Standing::fields) {
        // Letters, digits and quotes.
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(answer)
}

/// Returns whose key it is, if the key has the scope.
pub(crate) async fn caller(api: &Api, token: &SecretString, scope: Scope, peer: Option<Peer>) -> Result<Caller, Error> {
    let key = verified(api, token, peer).await?;
    allowed(&key, scope)?;
    tracing::debug!(owner = %key.owner, key = %key.id, "authenticated");
    Ok(Caller { owner: key.owner.clone(), key })
}

/// Looks a key up, unless its peer has failed to show one too often.
async fn verified(api: &Api, token: &SecretString, peer: Option<Peer>) -> Result<ApiKey, Error> {
    let now = api.engine.clock().now();
    let text = token.expose_secret();
    let proof = proof(text);
    if let Some(key) = api.known_keys.find(&proof, now) {
        return Ok(key);
    }
    api.limiter.may_try(peer, Some(text), now)?;
    let verified = api.keys.verify(token, now).await;
    match &verified {
        Ok(key) => {
            api.known_keys.learn(proof, key);
            api.limiter.proved(text, now);
        }
        Err(error) if error.code() == ErrorCode::InvalidApiKey => api.limiter.failed(peer, Some(text), now),
        // The store's fault is not the peer's.
        Err(_) => {}
    }
    verified
}

fn too_many(standing: Standing, wait_s: u64) -> Error {
    let limit = standing.limit();
    let hint = format!(
        "wait as long as `Retry-After` says; a key may send {} requests a minute, and {} at once after a pause",
        limit.requests_per_minute(),
        limit.burst()
    );
    Error::new(ErrorCode::RateLimited, "the API key has sent too many requests")
        .with_hint(hint)
        .with_detail("retry_after_s", wait_s)
}

fn allowed(key: &ApiKey, scope: Scope) -> Result<(), Error> {
    if !allows(key, scope) {
        let message = format!("the API key has not the scope `{scope}`");
        let hint = match scope {
            Scope::Admin => format!("use a key made with the scope `{scope}`"),
            _ => format!("use a key made with the scope `{scope}` or `{}`", Scope::Admin),
        };
        let error = Error::new(ErrorCode::PermissionDenied, message).with_hint(hint);
        return Err(error.with_detail("required_scope", scope.as_str()));
    }
    Ok(())
}

/// Returns the key that a request came with, for what has to ask again whether it is still good.
pub(crate) fn token(headers: &HeaderMap) -> Result<SecretString, Error> {
    bearer(headers).map(|token| token.to_owned().into())
}

fn allows(key: &ApiKey, scope: Scope) -> bool {
    key.scopes.iter().any(|have| have == scope.as_str() || have == Scope::Admin.as_str())
}

/// Returns the token of the one `Authorization: Bearer …` header. The scheme's case does not matter, says RFC 9110,
/// section 11.1.
fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(|| refused("the request has no API key"))?;
    // With two of them, a proxy and this server could each believe another one.
    if values.next().is_some() {
        return Err(refused("the request has more than one `Authorization` header"));
    }
    value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| refused("the `Authorization` header is not of the form `Bearer wren_…`"))
}

fn refused(message: &str) -> Error {
    Error::new(ErrorCode::InvalidApiKey, message)
        .with_hint("send `Authorization: Bearer wren_…` with a key made by `wren keys create`")
}
