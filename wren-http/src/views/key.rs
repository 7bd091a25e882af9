//! API keys on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wren_core::KeyId;
use wren_core::keys::ApiKey;

use crate::openapi::words;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    #[schema(value_type = words::KeyId)]
    pub id: KeyId,
    /// The first characters of its newest secret.
    pub prefix: String,
    /// What it allows.
    #[schema(value_type = Vec<words::Scope>)]
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last got a new secret; null before the first time.
    #[schema(required = true)]
    pub rotated_at: Option<DateTime<Utc>>,
    /// When it ends; null when it has no end.
    #[schema(required = true)]
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id,
            prefix: key.prefix.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at,
            rotated_at: key.rotated_at,
            expires_at: key.expires_at,
        }
    }
}

/// The answer of `GET /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// The owner's keys, oldest first.
    pub keys: Vec<KeyView>,
}

/// A key with its secret: the answer of `POST /v1/keys` and of `POST /v1/keys/{id}/rotate`. Whoever prints it prints the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedKey {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// Its secret, to be sent as `Authorization: Bearer …`; shown this once.
    pub secret: String,
    /// Until when the secret before is good; null of a new key.
    #[schema(required = true)]
    pub previous_until: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for IssuedKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The answer of `DELETE /v1/keys/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedKey {
    /// The key.
    #[schema(value_type = words::KeyId)]
    pub id: KeyId,
    /// That it opens nothing any more.
    pub revoked: bool,
}
