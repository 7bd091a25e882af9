//! Random texts, and the challenge that a provider checks a verifier by (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use wren_core::{Error, Result};
use zeroize::Zeroizing;

/// Returns 256 random bits in 43 characters that need no escape, which is what RFC 7636 advises for verifiers.
pub(crate) fn random() -> Result<SecretString> {
    let mut bits = Zeroizing::new([0_u8; 32]);
    // Straight from the operating system: a generator of this process could be copied by a fork.
    SysRng
        .try_fill_bytes(bits.as_mut_slice())
        .map_err(|error| Error::internal("the operating system gives no random bits", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bits.as_slice()).into())
}

/// Returns the challenge of a verifier by the method `S256`.
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_example_of_the_standard_holds() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_random_texts_are_the_same() {
        let (one, two) = (random().unwrap(), random().unwrap());
        assert_eq!(one.expose_secret().len(), 43);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
