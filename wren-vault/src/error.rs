//! The errors of this crate. None holds any part of a plaintext, a key or a passphrase.

use wren_core::{Error, ErrorCode, OwnerId};

/// The vault cannot be opened, and the operator must act.
pub(crate) fn locked(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::VaultLocked, message)
}

/// A sealed credential does not open. Which of its checks failed is not said: it would help whoever changed it.
pub(crate) fn damaged(owner: &OwnerId, integration: &str) -> Error {
    Error::new(
        ErrorCode::CredentialDamaged,
        format!("the sealed credential of `{integration}` of {owner} does not open"),
    )
    .with_hint("restore the database and the master key from the same backup, or set the credential again")
    .with_detail("owner", owner.as_str())
    .with_detail("integration", integration)
}

/// A name of an integration or a field that is none.
pub(crate) fn not_a_name(what: &str) -> Error {
    Error::new(ErrorCode::InvalidRequest, format!("{what} is 1 to 128 letters, digits or any of `._-`"))
}

/// Says whether a write was refused because somebody else wrote first.
pub(crate) fn is_conflict(error: &Error) -> bool {
    error.code() == ErrorCode::Conflict
}
