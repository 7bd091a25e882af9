//! The parts of a mail: RFC 2046, section 5.1.
//!
//! One pass over the lines, with the multiparts that are open on a stack: neither the depth nor the number of parts costs more
//! than reading them. mailparse's own splitter calls itself for each level, and looks through the rest of the mail for each part.

use super::fields::{Fields, Header, Is};
use super::limits::MailLimits;
use super::lines::{Line, Lines};
use super::omission::{Omission, Omissions};
use super::params::{ContentType, content_type};

/// A part that holds no others.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) kind: ContentType,
    pub(super) body: &'a [u8],
}

/// A mail in parts.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    /// The mail's own header.
    pub(super) fields: Fields<'a>,
    pub(super) parts: Vec<Part<'a>>,
}

/// Splits a mail into its parts.
pub(super) fn split<'a>(raw: &'a [u8], limits: &MailLimits, omissions: &mut Omissions) -> Tree<'a> {
    let mut splitter = Splitter {
        raw,
        limits,
        omissions,
        tree: Tree::default(),
        open: Vec::new(),
        reading: Reading::Header { header: Header::default(), start: 0 },
        seen: 0,
        // Where the text before a delimiter ends: its line break belongs to the delimiter.
        text_end: 0,
    };
    for line in Lines::new(raw) {
        if !splitter.line(line) {
            return splitter.tree;
        }
        splitter.text_end = line.end;
    }
    splitter.end(raw.len());
    splitter.tree
}

struct Splitter<'a, 'b> {
    raw: &'a [u8],
    limits: &'b MailLimits,
    omissions: &'b mut Omissions,
    tree: Tree<'a>,
    /// The multiparts that the current line is in, the outermost first.
    open: Vec<Multipart>,
    reading: Reading<'a>,
    seen: usize,
    text_end: usize,
}

struct Multipart {
    boundary: Vec<u8>,
    /// Where its body begins.
    start: usize,
    has_parts: bool,
    is_digest: bool,
}

enum Reading<'a> {
    Header {
        header: Header,
        start: usize,
    },
    Body {
        fields: Fields<'a>,
        kind: ContentType,
        start: usize,
    },
    /// What stands before the first part of a multipart, or after the last: nobody is shown it.
    Between,
}

impl<'a> Splitter<'a, '_> {
    /// Takes a line; `false` when there is no more to be read.
    fn line(&mut self, line: Line) -> bool {
        if let Some((at, is_close)) = self.delimiter(line) {
            // First of all, since a header that ends here may open a multipart.
            self.finish_part(self.text_end.min(line.start));
            while self.open.len() > at + 1 {
                self.close(line.start);
            }
            if is_close {
                self.close(line.start);
                self.reading = Reading::Between;
            } else {
                self.open[at].has_parts = true;
                self.reading = Reading::Header { header: Header::default(), start: line.next };
            }
        } else if let Reading::Header { header, .. } = &mut self.reading {
            match header.take(self.raw, line) {
                Is::Header => {}
                Is::End => self.finish_header(line.next),
                Is::Body => self.finish_header(line.start),
            }
        }
        self.seen <= self.limits.parts.max(1)
    }

    /// Finds the multipart that a line is a delimiter of, the innermost first, and says whether it ends it. The whole line has to
    /// be one: a boundary may begin with another one.
    fn delimiter(&self, line: Line) -> Option<(usize, bool)> {
        let text = self.raw[line.start..line.end].strip_prefix(b"--")?.trim_ascii_end();
        for (at, multipart) in self.open.iter().enumerate().rev() {
            match text.strip_prefix(multipart.boundary.as_slice()) {
                Some(b"") => return Some((at, false)),
                Some(b"--") => return Some((at, true)),
                _ => {}
            }
        }
        None
    }

    fn finish_header(&mut self, body: usize) {
        let reading = std::mem::replace(&mut self.reading, Reading::Between);
        let Reading::Header { header, .. } = reading else { return };
        let fields = header.finish(self.raw);
        let is_root = self.open.is_empty() && self.seen == 0;
        self.seen += 1;
        if is_root {
            self.tree.fields = fields.clone();
        } else if self.seen > self.limits.parts {
            self.omissions.note(Omission::Parts);
            return;
        }
        if fields.is_cut {
            self.omissions.note(Omission::Header);
        }
        let is_digest = self.open.last().is_some_and(|multipart| multipart.is_digest);
        let kind = content_type(fields.first("Content-Type"), is_digest);
        let boundary = kind.boundary.clone().filter(|_| kind.is_multipart());
        match boundary {
            Some(boundary) if self.open.len() < self.limits.levels => {
                let is_digest = kind.mime == "multipart/digest";
                self.open.push(Multipart { boundary, start: body, has_parts: false, is_digest });
            }
            Some(_) => self.omissions.note(Omission::Levels),
            // What was said in it can be read all the same.
            None if kind.is_multipart() => {
                self.omissions.note(Omission::Boundary);
                self.reading = Reading::Body { fields: Fields::default(), kind: ContentType::text(), start: body };
            }
            None => self.reading = Reading::Body { fields, kind, start: body },
        }
    }

    fn finish_part(&mut self, end: usize) {
        if let Reading::Header { start, .. } = self.reading {
            self.finish_header(end.max(start));
        }
        if let Reading::Body { fields, kind, start } = std::mem::replace(&mut self.reading, Reading::Between) {
            let body = &self.raw[start..end.max(start)];
            self.tree.parts.push(Part { fields, kind, body });
        }
    }

    /// Closes the innermost multipart. One without any part is shown as the text that it is.
    fn close(&mut self, end: usize) {
        let Some(multipart) = self.open.pop().filter(|multipart| !multipart.has_parts) else { return };
        let body = &self.raw[multipart.start.min(end)..end];
        if !body.trim_ascii().is_empty() {
            self.omissions.note(Omission::Boundary);
            self.tree.parts.push(Part { fields: Fields::default(), kind: ContentType::text(), body });
        }
    }

    fn end(&mut self, end: usize) {
        self.finish_part(end);
        while !self.open.is_empty() {
            self.close(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(raw: &str) -> Vec<(String, String)> {
        let tree = split(raw.as_bytes(), &MailLimits::default(), &mut Omissions::default());
        let part = |part: Part<'_>| (part.kind.mime, String::from_utf8_lossy(part.body).into_owned());
        tree.parts.into_iter().map(part).collect()
    }

    fn bodies(raw: &str) -> Vec<String> {
        parts(raw).into_iter().map(|(_, body)| body).collect()
    }

    #[test]
    fn a_line_break_before_a_delimiter_belongs_to_it() {
        let raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n--b \t\r\nContent-Type: text/html\r\n\r\n\
                   two\r\n\r\n--b--\r\nepilogue";
        let expected = [("text/plain", "one"), ("text/html", "two\r\n")];
        assert_eq!(parts(raw), expected.map(|(kind, body)| (kind.to_owned(), body.to_owned())));
    }

    #[test]
    fn the_innermost_multipart_that_a_line_delimits_goes_on_and_those_in_it_end() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\none\n--abc\n\
                   --a\n\ntwo\n--ab\n--a--\n";
        assert_eq!(bodies(raw), ["one\n--abc", "two\n--ab"]);
    }

    #[test]
    fn a_header_that_a_delimiter_ends_has_an_empty_body() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n--a\nX: y\n--a\n--a\n\nlast";
        assert_eq!(bodies(raw), ["", "", "last"]);
    }

    #[test]
    fn a_multipart_without_parts_is_the_text_that_it_is() {
        assert_eq!(bodies("Content-Type: multipart/mixed; boundary=a\n\nonly this\n"), ["only this\n"]);
        assert_eq!(bodies("Content-Type: multipart/mixed\n\n--b\n\nonly this\n"), ["--b\n\nonly this\n"]);
        assert_eq!(bodies("Content-Type: multipart/mixed; boundary=a\n\n \n--a--\n"), [""; 0]);
    }
}
