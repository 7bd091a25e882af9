//! A part of an expression that remembers where it stands.

use std::ops::Range;

/// A piece of the expression and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Splits at the first `separator`; the separator belongs to neither part.
    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (left, right) = self.text.split_once(separator)?;
        let start = self.start + left.len() + separator.len_utf8();
        Some((Self { text: left, ..self }, Self { text: right, start }))
    }

    /// Splits at every `separator`.
    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut start = self.start;
        self.text.split(separator).map(move |text| {
            let piece = Self { text, start };
            start += text.len() + separator.len_utf8();
            piece
        })
    }

    /// An empty piece has nothing to point at, so the piece around it is shown instead.
    pub(super) fn span_or(self, around: Piece<'_>) -> Range<usize> {
        match self.text.is_empty() {
            true => around.span(),
            false => self.span(),
        }
    }
}
