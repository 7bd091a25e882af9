//! The spaces of the platform that the vault keeps its records in, and the keys there.

use chrono::{DateTime, Utc};
use wren_core::OwnerId;
use wren_core::store::Namespace;

/// The time by which records without an end are read and written: any does, and a reader needs no clock.
pub(crate) const TIMELESS: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Generations of master keys, and how far a rotation is.
pub(crate) fn vault() -> Namespace {
    Namespace::system("vault")
}

/// Key-encryption keys, by owner.
pub(crate) fn keys() -> Namespace {
    Namespace::system("vault_keys")
}

/// Sealed credentials, by [`credential`].
pub(crate) fn credentials() -> Namespace {
    Namespace::system("vault_credentials")
}

/// Who refreshes which credential now, by [`credential`].
pub(crate) fn claims() -> Namespace {
    Namespace::system("vault_claims")
}

/// The audit trail, by time.
pub(crate) fn audit() -> Namespace {
    Namespace::system("audit")
}

/// Returns the key of a credential. Neither part has a slash in it.
pub(crate) fn credential(owner: &OwnerId, integration: &str) -> String {
    format!("{owner}/{integration}")
}

/// Returns what the keys of an owner's credentials begin with.
pub(crate) fn credentials_of(owner: &OwnerId) -> String {
    format!("{owner}/")
}
