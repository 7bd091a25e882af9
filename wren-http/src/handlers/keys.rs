//! The caller's keys: listed, made, given new secrets and revoked. No key gives more than the one that it is asked with.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use utoipa::ToSchema;
use wren_core::keys::{DEFAULT_GRACE, MAX_GRACE, NewApiKey};
use wren_core::{Error, ErrorCode, KeyId};

use crate::api::Api;
use crate::auth::{Caller, Scope};
use crate::body::{Json, Payload};
use crate::deadline::to_the_end;
use crate::error::{ApiResult, invalid};
use crate::extract::Id;
use crate::openapi::words;
use crate::views::{IssuedKey, KeyList, KeyView, RevokedKey};

/// How many keys an owner may have that are made by the API.
const MAX_KEYS: usize = 100;

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBody {
    /// What it allows; no more than the key of the request.
    #[schema(value_type = Vec<words::Scope>, min_items = 1, max_items = 4)]
    scopes: Vec<String>,
    /// When it ends, no later than the key of the request; when that one ends, if absent.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

impl Payload for KeyBody {}

impl KeyBody {
    fn check(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let names = Scope::ALL.map(Scope::as_str);
        let hint = || format!("send one or more of {}", names.join(", "));
        if self.scopes.is_empty() {
            return Err(invalid("`scopes` is empty", hint()));
        }
        if let Some(place) = self.scopes.iter().position(|scope| !names.contains(&scope.as_str())) {
            return Err(invalid(format!("`scopes[{place}]` is no scope"), hint()));
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(invalid("`expires_at` has passed", "send a time to come, or leave it out"));
        }
        Ok(())
    }
}

/// How a key gets a new secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateBody {
    /// How long the secret before stays good, in seconds; a day if absent.
    #[serde(default)]
    #[schema(maximum = 604_800)]
    grace_s: Option<u32>,
}

impl Payload for RotateBody {}

/// Lists the owner's keys.
///
/// Without their secrets, which are kept nowhere.
#[utoipa::path(
    get, path = "/v1/keys", operation_id = "list_keys", tag = "account",
    responses((status = 200, description = "All of them, oldest first.", body = KeyList)),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> ApiResult<axum::Json<KeyList>> {
    let keys = api.keys.list(&caller.key.owner, api.engine.clock().now()).await?;
    Ok(axum::Json(KeyList { keys: keys.iter().map(KeyView::from).collect() }))
}

/// Makes a key.
///
/// It gives no more than the key of the request: none of the scopes that this one has not, and no longer; with a secret that has
/// been replaced no longer than that one is good.
#[utoipa::path(
    post, path = "/v1/keys", operation_id = "create_key", tag = "account",
    request_body(content = KeyBody, description = "What it is to allow."),
    responses(
        (status = 201, description = "The key, with its secret, which is shown this once.", body = IssuedKey),
        (status = 409),
    ),
)]
pub(crate) async fn create(State(api): State<Api>, caller: Caller, Json(body): Json<KeyBody>) -> ApiResult<Response> {
    let now = api.engine.clock().now();
    body.check(now)?;
    let mut new = NewApiKey::new(caller.owner.clone()).with_scopes(distinct(body.scopes));
    if let Some(end) = body.expires_at.or(caller.key.expires_at) {
        new = new.with_expiry(end);
    }
    if !new.is_within(&caller.key) {
        return Err(beyond("the key asked for would give more than the key of the request").into());
    }
    let keys = api.keys.clone();
    if keys.list(&caller.owner, now).await?.len() >= MAX_KEYS {
        let error = Error::new(ErrorCode::Conflict, format!("there are {MAX_KEYS} keys already"));
        return Err(error.with_hint("revoke those that nobody uses").into());
    }
    let (key, secret) = to_the_end(async move { keys.create(new, now).await }).await?;
    tracing::info!(
        target: "wren::audit", owner = %key.owner, by = %caller.key.id, key = %key.id, scopes = key.scopes.join(","),
        "API key made"
    );
    let secret = secret.expose_secret().to_owned();
    let issued = IssuedKey { key: KeyView::from(&key), secret, previous_until: None };
    Ok((StatusCode::CREATED, axum::Json(issued)).into_response())
}

/// Gives a key a new secret.
///
/// The one before stays good for a while, so that every client can learn the new one. The key keeps its id, its scopes and its
/// end. One that gives more than the key of the request is refused, and so is every key for a secret that has been replaced:
/// what that one gives ends with it.
#[utoipa::path(
    post, path = "/v1/keys/{id}/rotate", operation_id = "rotate_key", tag = "account",
    params(Id<KeyId>),
    request_body(content = Option<RotateBody>, description = "May be left out."),
    responses(
        (status = 200, description = "The key, with its new secret, which is shown this once.", body = IssuedKey),
        (status = 409),
    ),
)]
pub(crate) async fn rotate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<KeyId>,
    body: Option<Json<RotateBody>>,
) -> ApiResult<axum::Json<IssuedKey>> {
    let now = api.engine.clock().now();
    let grace = body.and_then(|Json(body)| body.grace_s);
    let grace = grace.map_or(DEFAULT_GRACE, |seconds| TimeDelta::seconds(i64::from(seconds)));
    if grace > MAX_GRACE {
        return Err(invalid("`grace_s` is more than 7 days", "send at most 604800").into());
    }
    within_reach(&api, &caller, id, now).await?;
    let (keys, owner) = (api.keys.clone(), caller.owner.clone());
    let (key, secret) = to_the_end(async move { keys.rotate(&owner, id, grace, now).await }).await?;
    api.known_keys.forget();
    tracing::info!(
        target: "wren::audit", owner = %key.owner, by = %caller.key.id, key = %key.id, grace_s = grace.num_seconds(),
        "API key rotated"
    );
    let until = key.expires_at.map_or(now + grace, |end| end.min(now + grace));
    let secret = secret.expose_secret().to_owned();
    Ok(axum::Json(IssuedKey { key: KeyView::from(&key), secret, previous_until: Some(until) }))
}

/// Revokes a key.
///
/// At once, with every secret that it has; also the one that the request comes with.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", operation_id = "revoke_key", tag = "account",
    params(Id<KeyId>),
    responses((status = 200, description = "It opens nothing any more.", body = RevokedKey)),
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> ApiResult<axum::Json<RevokedKey>> {
    let (keys, owner, now) = (api.keys.clone(), caller.owner.clone(), api.engine.clock().now());
    to_the_end(async move { keys.revoke(&owner, id, now).await }).await?;
    api.known_keys.forget();
    tracing::info!(target: "wren::audit", owner = %caller.owner, by = %caller.key.id, key = %id, "API key revoked");
    Ok(axum::Json(RevokedKey { id, revoked: true }))
}

/// Refuses a key whose new secret would give the caller more than it has, and a caller whose secret has been replaced: who has it
/// from a leak could otherwise take the key over, also one that ends before the grace does.
async fn within_reach(api: &Api, caller: &Caller, id: KeyId, now: DateTime<Utc>) -> Result<(), Error> {
    if caller.key.replaced_at.is_some() {
        let message = "the secret of the request has been replaced by another";
        return Err(Error::new(ErrorCode::PermissionDenied, message)
            .with_hint("ask with the new one; where it was lost, with another key, or have the operator make one"));
    }
    let key = api.keys.key(&caller.owner, id, now).await?;
    if key.is_within(&caller.key) {
        return Ok(());
    }
    Err(beyond("the key gives more than the key of the request"))
}

fn beyond(message: &str) -> Error {
    Error::new(ErrorCode::PermissionDenied, message)
        .with_hint("ask with a key that has the same scopes and ends no sooner, or for fewer scopes and an earlier end")
}

fn distinct(mut scopes: Vec<String>) -> Vec<String> {
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
