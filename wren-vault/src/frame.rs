//! The record of one credential: its version, and each field sealed on its own.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | 8 | version, big-endian |
//! | … | per field, by name: 1 byte and the name, 4 bytes and the [sealed record](crate::record) |
//!
//! A deleted credential is a frame without fields: its version goes on where it was, so that a version names one secret for
//! ever. Nothing of the frame is believed before a field has opened: each is bound to the version, and the field
//! [`ABOUT`] lists the names of all.

/// The field that says what may be shown of a credential, and which fields there are. No name of a field of a user has such a
/// mark, and all sort after it.
pub(crate) const ABOUT: &str = "!about";

const FORMAT: u8 = 1;

/// A credential's record, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) version: u64,
    /// Names and sealed records, by name.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

impl Frame {
    /// Makes the frame of a credential that was deleted, or that is about to be put for the first time.
    pub(crate) fn empty(version: u64) -> Self {
        Self { version, fields: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, sealed)| sealed.as_slice())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.version.to_be_bytes());
        for (name, sealed) in &self.fields {
            bytes.push(u8::try_from(name.len()).expect("names have at most 128 bytes"));
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&u32::try_from(sealed.len()).expect("secrets are short").to_be_bytes());
            bytes.extend_from_slice(sealed);
        }
        bytes
    }

    /// Takes a record apart; `None` when it is not exactly what [`encode`](Self::encode) writes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[FORMAT])?;
        let (version, mut rest) = rest.split_first_chunk::<8>()?;
        let mut frame = Self::empty(u64::from_be_bytes(*version));
        while let Some((length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let (sealed, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            frame.fields.push((std::str::from_utf8(name).ok()?.to_owned(), sealed.to_vec()));
            rest = after;
        }
        // One form only: a field that is there twice would be read once.
        frame.fields.windows(2).all(|pair| pair[0].0 < pair[1].0).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_and_nothing_else_does() {
        let mut frame = Frame::empty(7);
        assert_eq!(Frame::decode(&frame.encode()), Some(frame.clone()));
        frame.fields = vec![(ABOUT.into(), vec![1; 300]), ("secret".into(), vec![2; 3])];
        let bytes = frame.encode();
        assert_eq!(Frame::decode(&bytes), Some(frame.clone()));
        assert!(Frame::decode(&[&bytes[..], &[0]].concat()).is_none());
        for length in (0..bytes.len()).filter(|length| ![9, 9 + 1 + 6 + 4 + 300].contains(length)) {
            assert!(Frame::decode(&bytes[..length]).is_none(), "{length}");
        }
        frame.fields.swap(0, 1);
        assert!(Frame::decode(&frame.encode()).is_none());
    }
}
