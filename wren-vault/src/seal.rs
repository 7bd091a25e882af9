//! One sealed box: AES-256-GCM-SIV (RFC 8452) with a commitment to its key.
//!
//! AES-GCM-SIV does not commit: for two keys of an attacker's choice there are ciphertexts that open under both. Each box
//! therefore carries an HMAC-SHA256 of its nonce and its associated data under the key it was sealed with, compared in
//! constant time before anything is decrypted. The cipher's own key is derived from the same key, so that no key has two uses.

use aes_gcm_siv::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use subtle::ConstantTimeEq as _;
use wren_core::{Error, Result};
use zeroize::Zeroizing;

use crate::key::{self, Key};

const NONCE: usize = 12;
const CHECK: usize = 32;
const TAG: usize = 16;
/// What a box measures more than its content.
pub(crate) const OVERHEAD: usize = NONCE + CHECK + TAG;

/// The associated data of a box: parts with their lengths before them, so that no two lists of parts give the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Context(Vec<u8>);

impl Context {
    pub(crate) fn with(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }
}

/// Seals a content: nonce, key-check value, ciphertext and tag.
pub(crate) fn seal(key: &Key, context: &Context, content: &[u8]) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE] = key::random()?;
    let mut sealed = Vec::with_capacity(OVERHEAD + content.len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&check(key, &nonce, context));
    sealed.extend(encrypt(&key.derive("wren vault cipher"), nonce, &context.0, content)?);
    Ok(sealed)
}

/// Opens a box; `None` when anything about it is not as it was sealed.
pub(crate) fn open(key: &Key, context: &Context, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (stored, ciphertext) = rest.split_first_chunk::<CHECK>()?;
    if !bool::from(check(key, nonce, context).ct_eq(stored)) {
        return None;
    }
    decrypt(&key.derive("wren vault cipher"), *nonce, &context.0, ciphertext)
}

fn check(key: &Key, nonce: &[u8; NONCE], context: &Context) -> [u8; CHECK] {
    key.mac("wren vault check", &[nonce, &context.0])
}

/// Encrypts as RFC 8452 says: ciphertext, then tag.
fn encrypt(key: &Key, nonce: [u8; NONCE], aad: &[u8], content: &[u8]) -> Result<Vec<u8>> {
    let cipher = Aes256GcmSiv::new(key.expose().into());
    cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: content, aad })
        .map_err(|_| Error::internal("encrypting failed", "the content is too long"))
}

fn decrypt(key: &Key, nonce: [u8; NONCE], aad: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256GcmSiv::new(key.expose().into());
    cipher.decrypt(&Nonce::from(nonce), Payload { msg: ciphertext, aad }).ok().map(Zeroizing::new)
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
