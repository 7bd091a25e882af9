//! Who calls, and whether the key allows it.

use std::fmt;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::SecretString;
use wren_core::keys::ApiKey;
use wren_core::{Error, ErrorCode, KeyId, OwnerId};

use crate::api::Api;
use crate::error::{ApiError, ApiResult};

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
    /// Connecting integrations, and all that the others allow.
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

/// The owner of the key that the request came with.
///
/// A handler that takes one refuses every request that has not passed [`require`], whatever its route declares.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) owner: OwnerId,
    /// Which of the owner's keys it is.
    pub(crate) key: KeyId,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Ok(parts.extensions.get::<Self>().cloned().ok_or_else(|| refused("the request has no API key"))?)
    }
}

/// Lets requests through that come with a key of the scope.
pub(crate) async fn require(
    State((api, scope)): State<(Api, Scope)>,
    mut request: Request,
    next: Next,
) -> ApiResult<Response> {
    let token = token(request.headers())?;
    let caller = caller(&api, &token, scope).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Returns whose key it is, if the key has the scope.
pub(crate) async fn caller(api: &Api, token: &SecretString, scope: Scope) -> Result<Caller, Error> {
    let key = api.keys.verify(token, api.engine.clock().now()).await?;
    if !allows(&key, scope) {
        let message = format!("the API key has not the scope `{scope}`");
        let hint = match scope {
            Scope::Admin => format!("use a key made with the scope `{scope}`"),
            _ => format!("use a key made with the scope `{scope}` or `{}`", Scope::Admin),
        };
        let error = Error::new(ErrorCode::PermissionDenied, message).with_hint(hint);
        return Err(error.with_detail("required_scope", scope.as_str()));
    }
    tracing::debug!(owner = %key.owner, key = %key.id, "authenticated");
    Ok(Caller { owner: key.owner, key: key.id })
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
