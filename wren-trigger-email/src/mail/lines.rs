//! The lines of a mail.

use memchr::memchr;

/// One line of a mail, as offsets into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: usize,
    /// Where its text ends.
    pub(super) end: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

/// Splits a mail into lines, which end with CRLF, or LF alone; CR alone ends lines only where there is no LF at all, since
/// elsewhere it is a character that a sender could hide a line behind.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
    end: u8,
}

impl<'a> Lines<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        let end = if memchr(b'\n', raw).is_none() { b'\r' } else { b'\n' };
        Self { raw, at: 0, end }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let rest = self.raw.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let (end, next) = match memchr(self.end, rest) {
            Some(at) => (start + at, start + at + 1),
            None => (self.raw.len(), self.raw.len()),
        };
        self.at = next;
        let has_cr = self.end == b'\n' && next > end && end > start && self.raw[end - 1] == b'\r';
        Some(Line { start, end: if has_cr { end - 1 } else { end }, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(raw: &str) -> Vec<&str> {
        Lines::new(raw.as_bytes()).map(|line| &raw[line.start..line.end]).collect()
    }

    #[test]
    fn lines_end_as_the_mail_ends_them() {
        assert_eq!(lines("a\r\n\r\nb"), ["a", "", "b"]);
        assert_eq!(lines("a\n\nb\n"), ["a", "", "b"]);
        assert_eq!(lines("a\r\rb"), ["a", "", "b"]);
        assert_eq!(lines("a\rb\nc"), ["a\rb", "c"]);
        assert_eq!(lines(""), [""; 0]);
    }
}
