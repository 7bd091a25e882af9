//! Identifiers: TypeIDs (a prefix, an underscore, 26 characters of Crockford base32 over a UUIDv7) and names of owners
//! and workers.
//!
//! The text form follows the TypeID specification, version 0.3: lower case, alphabet `0123456789abcdefghjkmnpqrstvwxyz`,
//! most significant bits first, the first character at most `7`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

/// Says why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form `{prefix}_…`")]
pub struct ParseIdError {
    text: String,
    prefix: &'static str,
}

fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..SUFFIX_LENGTH).rev().map(|place| char::from(ALPHABET[((bits >> (5 * place)) & 31) as usize])).collect()
}

fn decode(suffix: &str) -> Option<Uuid> {
    // 26 characters carry 130 bits; a first character above 7 would overflow the 128 of a UUID.
    if suffix.len() != SUFFIX_LENGTH || suffix.as_bytes()[0] > b'7' {
        return None;
    }
    let mut bits = 0u128;
    for byte in suffix.bytes() {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
        bits = (bits << 5) | digit as u128;
    }
    Some(Uuid::from_u128(bits))
}

macro_rules! type_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The part before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new id from the current time and random bits; ids made later sort later.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "an id has no default, each is new")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps a UUID that was an id of this kind before.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID inside, for stores that keep 16 bytes instead of text.
            #[must_use]
            pub const fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}_{}", $prefix, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or_else(|| ParseIdError { text: text.chars().take(64).collect(), prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

type_id!(
    /// Names a deployment.
    DeploymentId,
    "dep"
);
type_id!(
    /// Names a trigger of a deployment.
    TriggerId,
    "trg"
);
type_id!(
    /// Names one run.
    RunId,
    "run"
);
type_id!(
    /// Names an API key; it is the key's public part, not its secret.
    KeyId,
    "key"
);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $extra:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps a name.
            ///
            /// # Errors
            /// [`ParseNameError`] when the text is empty, too long, or has a character outside of the allowed ones.
            pub fn new(text: impl AsRef<str>) -> Result<Self, ParseNameError> {
                let text = text.as_ref();
                let fits = (1..=$max).contains(&text.len())
                    && text.chars().all(|letter| letter.is_ascii_alphanumeric() || $extra.contains(letter));
                if fits { Ok(Self(text.into())) } else { Err(ParseNameError { what: $what, max: $max, extra: $extra }) }
            }

            /// Returns the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseNameError;

            fn try_from(text: String) -> Result<Self, ParseNameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

/// Says why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is 1 to {max} letters, digits or any of `{extra}`")]
pub struct ParseNameError {
    what: &'static str,
    max: usize,
    extra: &'static str,
}

name!(
    /// The user a key belongs to: 1 to 128 letters, digits or `._@-`. Every store call about user data takes one.
    OwnerId,
    128,
    "._@-",
    "an owner's name"
);
name!(
    /// The name of a deployment, unique among its owner's: 1 to 128 letters, digits or `._-`.
    DeploymentName,
    128,
    "._-",
    "a deployment's name"
);
name!(
    /// A process that claims runs, different at every start: 1 to 128 letters, digits or `._:-`.
    WorkerId,
    128,
    "._:-",
    "a worker's name"
);
name!(
    /// Follows one request through the platform: 1 to 128 letters, digits or `._:-`.
    CorrelationId,
    128,
    "._:-",
    "a correlation id"
);

impl CorrelationId {
    /// Makes a new one of the form `corr_…`.
    #[must_use]
    pub fn generate() -> Self {
        Self(format!("corr_{}", encode(Uuid::now_v7())).into())
    }

    /// Returns the UUID in one that [`generate`](Self::generate) made.
    pub(crate) fn uuid(&self) -> Option<Uuid> {
        decode(self.as_str().strip_prefix("corr_")?)
    }
}

impl WorkerId {
    /// Makes a new one of the form `wkr_…`.
    #[must_use]
    pub fn generate() -> Self {
        Self(format!("wkr_{}", encode(Uuid::now_v7())).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The valid vectors of the TypeID specification.
    const VECTORS: [(&str, &str); 5] = [
        ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
        ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
        ("0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
        ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
        ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ];

    #[test]
    fn text_forms_agree_with_the_specification() {
        for (suffix, uuid) in VECTORS {
            let id: RunId = format!("run_{suffix}").parse().unwrap();
            assert_eq!(id.uuid().to_string(), uuid);
            assert_eq!(id.to_string(), format!("run_{suffix}"));
        }
        let id: DeploymentId = "dep_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        assert_eq!(id.uuid().to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "run_",
            "run_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "dep_00000000000000000000000000",
            "RUN_00000000000000000000000000",
            "run_0000000000000000000000000O",
            "run_000000000000000000000000é",
            "run-00000000000000000000000000",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_made_later_sort_later() {
        let ids: Vec<RunId> = (0..1000).map(|_| RunId::new()).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().map(ToString::to_string).is_sorted());
    }

    #[test]
    fn names_are_checked() {
        assert!(OwnerId::new("ada@example.com").is_ok());
        for text in ["", "a b", "ä", "a/b", &"x".repeat(129)] {
            assert!(OwnerId::new(text).is_err(), "{text}");
        }
    }
}
