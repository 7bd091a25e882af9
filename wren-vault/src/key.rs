//! 256-bit keys that never print and are wiped when they are dropped.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2_for_hmac::Sha256;
use wren_core::{Error, Result};

/// The bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// A key of 256 bits. `Debug` prints nothing of it.
pub struct Key(SecretBox<[u8; KEY_BYTES]>);

impl Key {
    /// Makes a key of random bits from the operating system.
    ///
    /// # Errors
    /// `INTERNAL` when the operating system gives none.
    pub fn generate() -> Result<Self> {
        let mut done = Ok(());
        // Straight from the operating system: a generator of this process could be copied by a fork.
        let key = SecretBox::init_with_mut(|bytes: &mut [u8; KEY_BYTES]| done = SysRng.try_fill_bytes(bytes));
        done.map_err(|error| Error::internal("the operating system gives no random bits", error))?;
        Ok(Self(key))
    }

    /// Wraps the bytes of a key; `None` unless there are 32.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES)
            .then(|| Self(SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| key.copy_from_slice(bytes))))
    }

    /// Makes a key by writing its bytes in place.
    pub(crate) fn try_init<E>(write: impl FnOnce(&mut [u8; KEY_BYTES]) -> Result<(), E>) -> Result<Self, E> {
        let mut done = Ok(());
        let key = SecretBox::init_with_mut(|bytes: &mut [u8; KEY_BYTES]| done = write(bytes));
        done.map(|()| Self(key))
    }

    /// Returns the bytes, for what wraps the key.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }

    /// Returns the HMAC-SHA256 of some data under this key and for one use. Uses never meet: the label's length goes first.
    pub(crate) fn mac(&self, label: &str, data: &[&[u8]]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(self.expose()).expect("HMAC takes keys of every length");
        let length = u8::try_from(label.len()).expect("labels are short");
        let mac = mac.chain_update([length]).chain_update(label);
        data.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().into()
    }

    /// Derives a key for one use. HMAC-SHA256 is a pseudorandom function, which is all that HKDF's expansion is, too.
    pub(crate) fn derive(&self, label: &str) -> Self {
        Self(SecretBox::new(Box::new(self.mac(label, &[]))))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key([REDACTED])")
    }
}

/// Returns random bytes that are not secret: nonces, ids, salts.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Error::internal("the operating system gives no random bits", error))?;
    Ok(bytes)
}

/// Returns bytes as lower-case hexadecimal digits, for ids.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads what [`hex`] wrote.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
