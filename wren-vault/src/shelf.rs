//! The seam between what every vault does (audit, refresh, errors) and where one keeps credentials.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use wren_core::vault::{NewCredential, REFRESH_TOKEN_FIELD, Refreshing, SECRET_FIELD};
use wren_core::{OwnerId, Result};

/// What may be shown of a credential. It is sealed with the secrets all the same, so that nobody changes it unseen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Whether the provider refused its refresh token for good.
    #[serde(default)]
    pub(crate) refused: bool,
    /// The names of all fields.
    pub(crate) fields: Vec<String>,
}

/// A credential to be kept: what may be shown, and its secrets by the names of their fields.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) about: About,
    pub(crate) secrets: BTreeMap<String, SecretString>,
}

impl From<NewCredential> for Credential {
    fn from(new: NewCredential) -> Self {
        let mut secrets = new.fields;
        secrets.insert(SECRET_FIELD.to_owned(), new.secret);
        secrets.extend(new.refresh_token.map(|token| (REFRESH_TOKEN_FIELD.to_owned(), token)));
        let fields = secrets.keys().cloned().collect();
        Self { about: About { scopes: new.scopes, expires_at: new.expires_at, refused: false, fields }, secrets }
    }
}

/// A credential as it was found, with the secrets that were asked for.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) integration: String,
    pub(crate) version: u64,
    /// By which a shelf recognises that nothing was written since.
    pub(crate) position: u64,
    pub(crate) credential: Credential,
}

impl Kept {
    pub(crate) fn secret(&self, field: &str) -> Option<&SecretString> {
        self.credential.secrets.get(field)
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.credential.about.fields.iter().any(|name| name == field)
    }

    /// Says whether the secret has ended at `at`.
    pub(crate) fn has_ended(&self, at: DateTime<Utc>) -> bool {
        self.credential.about.expires_at.is_some_and(|end| end <= at)
    }

    /// Returns what a provider is asked with; `None` without a refresh token.
    pub(crate) fn refreshing(&self, owner: &OwnerId) -> Option<Refreshing> {
        let mut fields = self.credential.secrets.clone();
        fields.remove(SECRET_FIELD);
        Some(Refreshing {
            owner: owner.clone(),
            integration: self.integration.clone(),
            refresh_token: fields.remove(REFRESH_TOKEN_FIELD)?,
            fields,
            scopes: self.credential.about.scopes.clone(),
        })
    }

    /// Says in constant time whether this is the kept secret.
    pub(crate) fn is_secret(&self, other: &SecretString) -> bool {
        use subtle::ConstantTimeEq as _;

        let (kept, other) = (self.secret(SECRET_FIELD), other.expose_secret().as_bytes());
        kept.is_some_and(|kept| kept.expose_secret().as_bytes().ct_eq(other).into())
    }
}

/// Which secrets are taken out. The fewer, the fewer lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    Nothing,
    Field(&'a str),
    Everything,
}

impl Wanted<'_> {
    pub(crate) fn includes(self, field: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Field(wanted) => wanted == field,
            Self::Everything => true,
        }
    }
}

/// Keeps credentials. Names have been checked before a shelf sees them.
#[async_trait]
pub(crate) trait Shelf: fmt::Debug + Send + Sync + 'static {
    /// Returns a credential; `None` when there is none or it was deleted.
    async fn load(&self, owner: &OwnerId, integration: &str, wanted: Wanted<'_>) -> Result<Option<Kept>>;

    /// Returns an owner's credentials without secrets, by integration.
    async fn list(&self, owner: &OwnerId) -> Result<Vec<Kept>>;

    /// Keeps a credential as the next version, which it returns. With a position it does so only if nothing was written
    /// since the credential was loaded there, and is refused with `CONFLICT` otherwise.
    async fn save(&self, owner: &OwnerId, integration: &str, credential: &Credential, over: Option<u64>)
    -> Result<u64>;

    /// Deletes a credential; says whether there was one.
    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool>;
}
