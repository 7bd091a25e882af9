//! The text of a part, in a charset that the part names.

use std::borrow::Cow;

use charset::Charset;

/// The label of bytes that are no UTF-8 and have no label that is known: every byte is some character, and those of most of
/// Europe are right.
const UNKNOWN: &[u8] = b"windows-1252";

/// Returns the text of bytes in a charset, its lines ended by `\n`.
///
/// Text that is UTF-8 and more than ASCII is UTF-8 whatever the label says: hardly anything else is well-formed by chance,
/// and parts come converted, under their old label, from more than one mail system. What is neither that nor of a known
/// charset, and bytes that have no meaning in theirs, become whatever characters they may.
#[must_use]
pub fn text(bytes: &[u8], label: &str) -> String {
    let text = decode(bytes, label);
    if text.contains('\r') { text.replace("\r\n", "\n") } else { text.into_owned() }
}

/// Returns the raw value of a header field as text: UTF-8, as RFC 6532 has it, or what older programs write.
#[must_use]
pub fn header_text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| labelled(bytes, UNKNOWN).unwrap_or_default(), Cow::Borrowed)
}

fn decode<'a>(bytes: &'a [u8], label: &str) -> Cow<'a, str> {
    let utf8 = std::str::from_utf8(bytes).ok();
    if let Some(text) = utf8.filter(|text| !text.is_ascii()) {
        // Without the mark that some put before it.
        return Cow::Borrowed(text.trim_start_matches('\u{feff}'));
    }
    let label = label.trim();
    // Two bytes for each character of plain text are every other one a zero; without one it is ASCII that was mislabelled.
    let is_mislabelled =
        label.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("utf-16")) && !bytes.contains(&0);
    match (utf8, labelled(bytes, label.as_bytes())) {
        (Some(text), _) if is_mislabelled => Cow::Borrowed(text),
        (_, Some(text)) => text,
        (Some(text), None) => Cow::Borrowed(text),
        (None, None) => labelled(bytes, UNKNOWN).unwrap_or_default(),
    }
}

/// Decodes bytes; `None` for a label that nobody knows, or that stands for what is not decoded any more.
fn labelled<'a>(bytes: &'a [u8], label: &[u8]) -> Option<Cow<'a, str>> {
    Charset::for_label_no_replacement(label).map(|charset| charset.decode(bytes).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_in_its_charset() {
        for (bytes, label, expected) in [
            (&b"caf\xe9"[..], "ISO-8859-1", "café"),
            (b"\x93q\x94", "windows-1252", "\u{201c}q\u{201d}"),
            ("café".as_bytes(), "iso-8859-1", "café"),
            (b"caf\xe9", "", "café"),
            (b"caf\xe9", "x-unheard-of", "café"),
            (b"\x1b$B$\"\x1b(B", "ISO-2022-JP", "\u{3042}"),
            (b"\xff\xff", "utf-8", "\u{fffd}\u{fffd}"),
            (b"\xff\xfeh\0i\0", "utf-16", "hi"),
            (b"plain", "utf-16", "plain"),
            (b"caf+AOk-", "UTF-7", "café"),
            (b"+2AA-", "utf-7", "\u{fffd}"),
            (b"~{", "hz-gb-2312", "~{"),
            (b"\xef\xbb\xbf\xc3\xa9", "utf-8", "é"),
            (b"a\r\nb\r", "us-ascii", "a\nb\r"),
            (b"", "", ""),
        ] {
            assert_eq!(text(bytes, label), expected, "{label} {bytes:?}");
        }
        assert_eq!(header_text(b"caf\xe9"), "café");
        assert_eq!(header_text("café".as_bytes()), "café");
    }
}
