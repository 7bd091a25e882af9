//! One sealed field of a credential.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | 1 | algorithm, 1: AES-256-GCM-SIV with an HMAC-SHA256 key check |
//! | 16 | the id of the key-encryption key |
//! | 16 | the id of the data key |
//! | 92 | the data key in a box of the key-encryption key: nonce, key check, ciphertext |
//! | 60 and more | the field in a box of the data key |
//!
//! Both boxes are bound to format, algorithm, owner, integration, field, version, their key's id and their purpose, so that
//! neither opens anywhere but where it was sealed. The box of the field names the data key and not the key-encryption key,
//! so that a rotation wraps the data key anew and does not touch the secret.

use std::fmt;

use wren_core::{OwnerId, Result};
use zeroize::Zeroizing;

use crate::key::{self, KEY_BYTES, Key};
use crate::seal::{self, Context, OVERHEAD};

const FORMAT: u8 = 1;
const ALGORITHM: u8 = 1;
const ID: usize = 16;
const WRAPPED: usize = OVERHEAD + KEY_BYTES;

/// The id of a key-encryption key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyId(pub(crate) [u8; ID]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&key::hex(&self.0))
    }
}

/// Where a field belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) owner: &'a OwnerId,
    pub(crate) integration: &'a str,
    pub(crate) field: &'a str,
    pub(crate) version: u64,
}

impl Place<'_> {
    fn context(&self, key: &[u8], purpose: &str) -> Context {
        Context::default()
            .with(&[FORMAT])
            .with(&[ALGORITHM])
            .with(self.owner.as_str().as_bytes())
            .with(self.integration.as_bytes())
            .with(self.field.as_bytes())
            .with(&self.version.to_be_bytes())
            .with(key)
            .with(purpose.as_bytes())
    }

    fn of_field(&self, data_key: &[u8; ID]) -> Context {
        self.context(data_key, "field")
    }

    fn of_data_key(&self, wrapping: KeyId, data_key: &[u8; ID]) -> Context {
        self.context(&[wrapping.0, *data_key].concat(), "data key")
    }
}

/// Seals a field with a data key of its own.
pub(crate) fn seal(wrapping: (KeyId, &Key), place: Place<'_>, content: &[u8]) -> Result<Vec<u8>> {
    let (wrapping_id, wrapping) = wrapping;
    let (id, data_key) = (key::random::<ID>()?, Key::generate()?);
    let mut record = vec![FORMAT, ALGORITHM];
    record.extend_from_slice(&wrapping_id.0);
    record.extend_from_slice(&id);
    record.extend(seal::seal(wrapping, &place.of_data_key(wrapping_id, &id), data_key.expose())?);
    record.extend(seal::seal(&data_key, &place.of_field(&id), content)?);
    Ok(record)
}

/// The parts of a record; what they say is believed only after they have opened.
struct Parts<'a> {
    wrapping: KeyId,
    id: [u8; ID],
    wrapped: &'a [u8],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(record: &'a [u8]) -> Option<Self> {
        let rest = record.strip_prefix(&[FORMAT, ALGORITHM])?;
        let (wrapping, rest) = rest.split_first_chunk::<ID>()?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let (wrapped, body) = rest.split_at_checked(WRAPPED)?;
        Some(Self { wrapping: KeyId(*wrapping), id: *id, wrapped, body })
    }

    fn data_key(&self, wrapping: &Key, place: Place<'_>) -> Option<Key> {
        Key::from_slice(&seal::open(wrapping, &place.of_data_key(self.wrapping, &self.id), self.wrapped)?)
    }
}

/// Returns the id of the key-encryption key that a record says it is sealed with; `None` when it is no record.
pub(crate) fn wrapping_of(record: &[u8]) -> Option<KeyId> {
    Parts::of(record).map(|parts| parts.wrapping)
}

/// Opens a record; `None` when anything about it is not as it was sealed.
pub(crate) fn open(wrapping: &Key, place: Place<'_>, record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let parts = Parts::of(record)?;
    let data_key = parts.data_key(wrapping, place)?;
    seal::open(&data_key, &place.of_field(&parts.id), parts.body)
}

/// Wraps the data key of a record anew; `None` when the record does not open. The secret itself is opened, too: a record
/// that was changed must not come out of a rotation looking newly sealed.
pub(crate) fn rewrap(old: &Key, new: (KeyId, &Key), place: Place<'_>, record: &[u8]) -> Result<Option<Vec<u8>>> {
    let (new_id, new) = new;
    let Some(parts) = Parts::of(record) else { return Ok(None) };
    let Some(data_key) = parts.data_key(old, place) else { return Ok(None) };
    if seal::open(&data_key, &place.of_field(&parts.id), parts.body).is_none() {
        return Ok(None);
    }
    let mut rewrapped = vec![FORMAT, ALGORITHM];
    rewrapped.extend_from_slice(&new_id.0);
    rewrapped.extend_from_slice(&parts.id);
    rewrapped.extend(seal::seal(new, &place.of_data_key(new_id, &parts.id), data_key.expose())?);
    rewrapped.extend_from_slice(parts.body);
    Ok(Some(rewrapped))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sealed {
        owner: OwnerId,
        key: Key,
        record: Vec<u8>,
    }

    const ID_OF_KEY: KeyId = KeyId([7; ID]);

    impl Sealed {
        fn new() -> Self {
            let (owner, key) = (OwnerId::new("ada").unwrap(), Key::generate().unwrap());
            let place = Place { owner: &owner, integration: "slack", field: "secret", version: 3 };
            let record = seal((ID_OF_KEY, &key), place, b"xoxb").unwrap();
            Self { owner, key, record }
        }

        fn place(&self) -> Place<'_> {
            Place { owner: &self.owner, integration: "slack", field: "secret", version: 3 }
        }
    }

    #[test]
    fn a_record_opens_where_it_belongs() {
        let sealed = Sealed::new();
        assert_eq!(**open(&sealed.key, sealed.place(), &sealed.record).unwrap(), *b"xoxb");
        assert_eq!(wrapping_of(&sealed.record), Some(ID_OF_KEY));
        assert!(!sealed.record.windows(4).any(|window| window == b"xoxb"));
    }

    #[test]
    fn no_bit_of_a_record_may_change_and_no_byte_go() {
        let sealed = Sealed::new();
        for at in 0..sealed.record.len() * 8 {
            let mut changed = sealed.record.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(open(&sealed.key, sealed.place(), &changed).is_none(), "bit {at}");
            let new = Key::generate().unwrap();
            assert!(rewrap(&sealed.key, (KeyId([8; ID]), &new), sealed.place(), &changed).unwrap().is_none());
        }
        for length in 0..sealed.record.len() {
            assert!(open(&sealed.key, sealed.place(), &sealed.record[..length]).is_none());
        }
    }

    #[test]
    fn a_record_opens_nowhere_else() {
        let sealed = Sealed::new();
        let eve = OwnerId::new("eve").unwrap();
        let elsewhere = [
            Place { owner: &eve, ..sealed.place() },
            Place { integration: "gmail", ..sealed.place() },
            Place { field: "refresh_token", ..sealed.place() },
            Place { version: 2, ..sealed.place() },
            Place { version: 4, ..sealed.place() },
            Place { integration: "slacks", field: "ecret", ..sealed.place() },
        ];
        for place in elsewhere {
            assert!(open(&sealed.key, place, &sealed.record).is_none(), "{place:?}");
        }
    }

    #[test]
    fn parts_of_two_records_do_not_fit_together() {
        let one = Sealed::new();
        let place = Place { integration: "gmail", ..one.place() };
        let two = seal((ID_OF_KEY, &one.key), place, b"ya29").unwrap();
        let borders = [0, 2, 2 + ID, 2 + 2 * ID, 2 + 2 * ID + WRAPPED, one.record.len()];
        for part in borders.windows(2) {
            let mut mixed = one.record.clone();
            mixed[part[0]..part[1]].copy_from_slice(&two[part[0]..part[1]]);
            // The first parts, format, algorithm and the id of the wrapping key, are the same in both.
            let same = mixed == one.record;
            assert_eq!(open(&one.key, one.place(), &mixed).is_some(), same, "{part:?}");
        }
    }

    #[test]
    fn a_record_wrapped_anew_keeps_its_secret_and_leaves_the_old_key() {
        let sealed = Sealed::new();
        let (id, new) = (KeyId([8; ID]), Key::generate().unwrap());
        let rewrapped = rewrap(&sealed.key, (id, &new), sealed.place(), &sealed.record).unwrap().unwrap();
        assert_eq!(wrapping_of(&rewrapped), Some(id));
        assert_eq!(**open(&new, sealed.place(), &rewrapped).unwrap(), *b"xoxb");
        assert!(open(&sealed.key, sealed.place(), &rewrapped).is_none());
    }
}
