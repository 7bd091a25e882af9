//! The header of a mail or of a part, split into its fields: RFC 5322, section 2.2.

use std::borrow::Cow;

use wren_core::mail::{LONGEST_FIELD, header_text};

use super::lines::Line;

/// How many fields are read. The topmost are those that mail systems wrote.
const MOST_FIELDS: usize = 1000;

/// How many bytes all fields may have together. Decoding them takes longer than reading them.
const MOST_BYTES: usize = 256 * 1024;

/// The fields of a header, raw, the topmost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    list: Vec<(&'a str, Cow<'a, str>)>,
    /// Fields, or parts of some, were left out.
    pub(super) is_cut: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.list.iter().map(|(name, value)| (*name, value.as_ref()))
    }

    /// Returns all fields of a name.
    pub(super) fn every(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the topmost field of a name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.every(name).next()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Takes the lines of a header, one after the other.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Where names and values are; the last one may go on.
    spans: Vec<Span>,
    /// What comes next goes on with what was left out.
    is_skipping: bool,
    bytes: usize,
    is_cut: bool,
}

#[derive(Debug)]
struct Span {
    name: (usize, usize),
    value: (usize, usize),
}

/// What a line is to a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// A part of it.
    Header,
    /// The empty line after it.
    End,
    /// What comes after it already: there was no empty line.
    Body,
}

impl Header {
    pub(super) fn take(&mut self, raw: &[u8], line: Line) -> Is {
        let text = &raw[line.start..line.end];
        let Some(first) = text.first() else { return Is::End };
        if matches!(first, b' ' | b'\t') && (self.is_skipping || !self.spans.is_empty()) {
            self.go_on(line);
            return Is::Header;
        }
        match name(text) {
            Some((end, colon)) => self.begin(line, end, colon),
            // The line that files of several mails have before each.
            None if text.starts_with(b"From ") || text.starts_with(b">From ") => self.is_skipping = true,
            // Lines without a name stand in headers by mistake. What begins with a line of text has no header.
            None if self.spans.is_empty() && !self.is_skipping && is_text(text) => return Is::Body,
            None => {
                self.is_skipping = true;
                self.is_cut = true;
            }
        }
        Is::Header
    }

    fn begin(&mut self, line: Line, end: usize, colon: usize) {
        self.account();
        if self.spans.len() >= MOST_FIELDS || self.bytes >= MOST_BYTES {
            self.is_skipping = true;
            self.is_cut = true;
            return;
        }
        self.is_skipping = false;
        let value = (line.start + colon + 1, line.end);
        self.spans.push(Span { name: (line.start, line.start + end), value });
    }

    fn go_on(&mut self, line: Line) {
        if let Some(span) = self.spans.last_mut().filter(|_| !self.is_skipping) {
            span.value.1 = line.end;
        }
    }

    /// Counts the last field, once it is whole; a part of one that is too long is left out.
    fn account(&mut self) {
        let Some(span) = self.spans.last_mut().filter(|_| !self.is_skipping) else { return };
        let (start, end) = span.value;
        if end - start > LONGEST_FIELD {
            span.value.1 = start + LONGEST_FIELD;
            self.is_cut = true;
        }
        self.bytes += span.value.1 - start;
    }

    pub(super) fn finish(mut self, raw: &[u8]) -> Fields<'_> {
        self.account();
        let field = |span: &Span| {
            let name = std::str::from_utf8(&raw[span.name.0..span.name.1]).unwrap_or_default();
            (name, header_text(raw[span.value.0..span.value.1].trim_ascii()))
        };
        Fields { list: self.spans.iter().map(field).collect(), is_cut: self.is_cut }
    }
}

/// Returns where the name of a field ends and where its colon is; `None` when a line begins no field.
fn name(line: &[u8]) -> Option<(usize, usize)> {
    // No name is as long as a line may be.
    let colon = line.iter().take(1000).position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some((name.len(), colon))
}

/// Says whether a line is text, rather than a field with a damaged name.
fn is_text(line: &[u8]) -> bool {
    let before = line.split(|byte| *byte == b':').next().unwrap_or_default();
    before.len() == line.len() || before.trim_ascii().contains(&b' ')
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;

    fn read(raw: &[u8]) -> (Vec<(String, String)>, bool) {
        let mut header = Header::default();
        for line in Lines::new(raw) {
            if header.take(raw, line) != Is::Header {
                break;
            }
        }
        let fields = header.finish(raw);
        (fields.all().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), fields.is_cut)
    }

    #[test]
    fn fields_are_split_and_folds_kept() {
        let (fields, is_cut) =
            read(b"From a Fri\nA : 1\r\nB:\r\n folded\r\n more\nnot a field\n nor this\nC: \xe9\n\nD: body");
        let expected = [("A", "1"), ("B", "folded\r\n more"), ("C", "\u{e9}")];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((fields.as_slice(), is_cut), (&expected[..], true));
        assert_eq!(read(b"hello\nSubject: no header"), (vec![], false));
    }

    #[test]
    fn a_huge_field_leaves_room_for_those_after_it() {
        let mut raw = b"A: ".to_vec();
        raw.resize(10_000_000, b'x');
        raw.extend_from_slice(b"\n folded\nSubject: here\n");
        let (fields, is_cut) = read(&raw);
        assert_eq!((fields[0].1.len(), fields[1].1.as_str(), is_cut), (LONGEST_FIELD - 1, "here", true));
        let (fields, is_cut) = read("A: 1\n".repeat(5000).as_bytes());
        assert_eq!((fields.len(), is_cut), (MOST_FIELDS, true));
    }
}
