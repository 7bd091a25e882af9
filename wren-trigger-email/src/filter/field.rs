//! The parts of a mail that patterns are for.

use std::borrow::Cow;

use crate::mail::{Searched, Text, lower};

/// What a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Field {
    Subject,
    Body,
    From,
    To,
    Mailbox,
}

impl Field {
    pub(super) fn parse(key: &str) -> Option<Self> {
        match key {
            "subject" => Some(Self::Subject),
            "body" => Some(Self::Body),
            "from" => Some(Self::From),
            "to" => Some(Self::To),
            "mailbox" => Some(Self::Mailbox),
            _ => None,
        }
    }

    pub(super) fn is_address(self) -> bool {
        matches!(self, Self::From | Self::To)
    }

    /// Says whether a glob has to match the whole text.
    pub(super) fn is_whole(self) -> bool {
        self.is_address() || self == Self::Mailbox
    }

    /// Returns the texts of a mail of which one has to match.
    pub(super) fn texts<'a>(self, mail: &'a Searched, mailbox: &str) -> impl Iterator<Item = Cow<'a, Text>> {
        let (list, one) = match self {
            Self::Subject => (std::slice::from_ref(&mail.subject), None),
            Self::Body => (std::slice::from_ref(&mail.body), None),
            Self::From => (mail.from.as_slice(), None),
            Self::To => (mail.to.as_slice(), None),
            Self::Mailbox => (&[][..], Some(Text { written: mailbox.to_owned(), lower: lower(mailbox) })),
        };
        list.iter().map(Cow::Borrowed).chain(one.map(Cow::Owned))
    }
}
