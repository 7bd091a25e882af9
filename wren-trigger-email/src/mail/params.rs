//! `Content-Type` and `Content-Disposition`: RFC 2045, section 5; RFC 2183; RFC 2231.

use wren_core::mail::{base_name, decode, unfolded};

/// The longest field whose parameters are read, and how many of these may be in pieces: the parser compares each with each.
const LONGEST: usize = 16 * 1024;
const MOST_PIECES: usize = 64;

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContentType {
    /// In lower case.
    pub(super) mime: String,
    pub(super) charset: String,
    pub(super) boundary: Option<Vec<u8>>,
    pub(super) name: String,
}

impl ContentType {
    /// What a part is that does not say what it is.
    pub(super) fn text() -> Self {
        Self { mime: "text/plain".to_owned(), charset: String::new(), boundary: None, name: String::new() }
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.mime.starts_with("multipart/")
    }
}

/// Reads a `Content-Type`. What is none is text, as RFC 2045 has it in section 5.2; in a digest it is a mail.
pub(super) fn content_type(field: Option<&str>, in_digest: bool) -> ContentType {
    let parsed = mailparse::parse_content_type(&bounded(field.unwrap_or_default()));
    let default = if in_digest && field.is_none() { "message/rfc822" } else { "text/plain" };
    let mime = parsed.mimetype.trim();
    let is_type = mime.len() <= 255
        && mime.split_once('/').is_some_and(|(kind, sort)| !kind.is_empty() && !sort.is_empty())
        && mime.bytes().all(|byte| byte.is_ascii_graphic());
    let boundary = parsed.params.get("boundary").map(|boundary| boundary.trim_end().as_bytes().to_vec());
    ContentType {
        mime: if is_type { mime } else { default }.to_owned(),
        charset: parsed.params.get("charset").cloned().unwrap_or_default(),
        boundary: boundary.filter(|boundary| !boundary.is_empty()),
        name: filename(parsed.params.get("name")),
    }
}

/// Reads a `Content-Disposition`: whether the sender wants the part to be a file, and the file's name.
pub(super) fn disposition(field: Option<&str>) -> (bool, String) {
    let Some(field) = field else { return (false, String::new()) };
    let field = bounded(field);
    let parsed = mailparse::parse_content_disposition(&field);
    let kind = field.split(';').next().unwrap_or_default();
    (kind.trim().eq_ignore_ascii_case("attachment"), filename(parsed.params.get("filename")))
}

/// Returns a file's name without a path. Some write names as encoded words, which RFC 2047 forbids.
fn filename(name: Option<&String>) -> String {
    name.map(|name| base_name(&decode(name))).unwrap_or_default()
}

/// Returns a field as far as its parameters can be read in no time.
fn bounded(field: &str) -> String {
    let mut field = unfolded(&field[..field.floor_char_boundary(LONGEST)]);
    if let Some((at, _)) = field.match_indices('*').nth(MOST_PIECES) {
        field.truncate(at);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_however_they_are_written() {
        for (field, expected) in [
            ("attachment; filename=\"a b.pdf\"", (true, "a b.pdf")),
            ("inline; filename*=utf-8''caf%C3%A9.pdf", (false, "café.pdf")),
            ("attachment; filename*0*=utf-8''caf%C3;\r\n filename*1*=%A9;\r\n filename*2=.pdf", (true, "café.pdf")),
            ("ATTACHMENT; filename==?utf-8?q?caf=C3=A9?=", (true, "café")),
            ("attachment; filename=\"../../etc/passwd\"", (true, "passwd")),
            ("attachment", (true, "")),
            ("", (false, "")),
        ] {
            let (is_attached, name) = disposition(Some(field));
            assert_eq!((is_attached, name.as_str()), expected, "{field}");
        }
    }

    #[test]
    fn what_is_no_type_is_text() {
        for (field, expected) in [
            (Some("Text/HTML; charset=x"), "text/html"),
            (Some("text"), "text/plain"),
            (Some("a/b c"), "text/plain"),
            (Some("/"), "text/plain"),
            (None, "text/plain"),
        ] {
            assert_eq!(content_type(field, false).mime, expected, "{field:?}");
        }
        assert_eq!(content_type(None, true).mime, "message/rfc822");
    }

    #[test]
    fn endless_pieces_are_not_compared_with_each_other() {
        let pieces: String = (0..100_000).map(|at| format!("; filename*{at}*=a")).collect();
        let (_, name) = disposition(Some(&format!("attachment{pieces}")));
        assert!(name.len() <= MOST_PIECES);
    }
}
