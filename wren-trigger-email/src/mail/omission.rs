//! What of a mail could not be read.

use std::fmt;

/// Something that was left out of a mail, or could not be read as it was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Omission {
    /// The mail is longer than is read.
    Length,
    /// Header fields, or the ends of some.
    Header,
    /// Parts after so many.
    Parts,
    /// Parts nested too deep.
    Levels,
    /// A multipart without a boundary, or without any part: it is shown as text.
    Boundary,
    /// Characters of a body that its transfer encoding does not have.
    Encoding,
    /// The end of a text, or of something else that does not fit into the event.
    Text,
    /// The bytes of an attachment.
    Attachment,
}

impl fmt::Display for Omission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Length => "the mail is too long",
            Self::Header => "header fields were left out",
            Self::Parts => "there are too many parts",
            Self::Levels => "parts are nested too deep",
            Self::Boundary => "a multipart has no parts",
            Self::Encoding => "a body is damaged",
            Self::Text => "texts were cut",
            Self::Attachment => "attachments were left out",
        })
    }
}

/// What was left out, each kind once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Omissions(Vec<Omission>);

impl Omissions {
    pub(super) fn note(&mut self, omission: Omission) {
        if !self.0.contains(&omission) {
            self.0.push(omission);
        }
    }

    pub(super) fn list(&self) -> &[Omission] {
        &self.0
    }
}
