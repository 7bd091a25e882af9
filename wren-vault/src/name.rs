//! Names of integrations and fields. They become parts of keys and of URLs, where a slash or a dot of their own would matter.

use wren_core::vault::{NewCredential, REFRESH_TOKEN_FIELD, SECRET_FIELD};
use wren_core::{Error, ErrorCode, Result};

use crate::error;

/// What a secret may measure, in bytes. A record of a store holds 1 MiB.
const LARGEST: usize = 64 * 1024;
/// How many fields a credential may have besides the two that have names of their own.
const MOST_FIELDS: usize = 8;

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Refuses what is no name of an integration.
pub(crate) fn check_integration(name: &str) -> Result<()> {
    if is_name(name) { Ok(()) } else { Err(error::not_a_name("the name of an integration")) }
}

/// Refuses what is no name of a field.
pub(crate) fn check_field(name: &str) -> Result<()> {
    if is_name(name) { Ok(()) } else { Err(error::not_a_name("the name of a field")) }
}

/// Refuses what is no part of a path on a server.
pub(crate) fn check_segment(name: &str) -> Result<()> {
    let is_step = name.bytes().all(|byte| byte == b'.');
    if is_name(name) && !is_step { Ok(()) } else { Err(error::not_a_name("the name of an engine, a folder or a key")) }
}

/// Refuses a credential that cannot be kept as it is.
pub(crate) fn check_credential(credential: &NewCredential) -> Result<()> {
    use secrecy::ExposeSecret as _;

    check_integration(&credential.integration)?;
    for name in credential.fields.keys() {
        check_field(name)?;
        if [SECRET_FIELD, REFRESH_TOKEN_FIELD].contains(&name.as_str()) {
            return Err(Error::new(ErrorCode::InvalidRequest, format!("`{name}` is no name for a further field")));
        }
    }
    if credential.fields.len() > MOST_FIELDS {
        return Err(Error::new(ErrorCode::InvalidRequest, format!("a credential has at most {MOST_FIELDS} fields")));
    }
    let secrets = credential.fields.values().chain(&credential.refresh_token).chain([&credential.secret]);
    for secret in secrets {
        if secret.expose_secret().len() > LARGEST {
            return Err(Error::new(ErrorCode::InvalidRequest, format!("a secret has at most {LARGEST} bytes")));
        }
    }
    Ok(())
}
