//! The text of a part: base64url, in a charset that the part names.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, WINDOWS_1252};

/// Google pads or not, as it likes.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes bytes as Gmail has them in JSON.
pub(super) fn bytes(data: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(data).ok()
}

/// Returns a part's text, its lines ended by `\n`; `content_type` is the part's header.
pub(super) fn text(bytes: &[u8], content_type: &str) -> String {
    let text = decode(bytes, &mailparse::parse_content_type(content_type).charset);
    if text.contains('\r') { text.replace("\r\n", "\n") } else { text }
}

/// Text that is UTF-8 and more than ASCII is UTF-8 whatever the label says: hardly anything else is well-formed by chance,
/// and parts come converted, under their old label, from more than one mail system.
fn decode(bytes: &[u8], label: &str) -> String {
    match std::str::from_utf8(bytes) {
        // Without the mark that some put before it.
        Ok(text) if !text.is_ascii() => text.trim_start_matches('\u{feff}').to_owned(),
        _ => match Encoding::for_label(label.trim().as_bytes()) {
            Some(encoding) => encoding.decode(bytes).0.into_owned(),
            None => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => WINDOWS_1252.decode(bytes).0.into_owned(),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_in_its_charset() {
        for (bytes, content_type, expected) in [
            (&b"caf\xe9"[..], "text/plain; charset=ISO-8859-1", "café"),
            (b"\x93q\x94", "text/plain; charset=\"windows-1252\"", "\u{201c}q\u{201d}"),
            ("café".as_bytes(), "text/plain; charset=iso-8859-1", "café"),
            (b"caf\xe9", "text/plain", "café"),
            (b"caf\xe9", "text/plain; charset=x-unheard-of", "café"),
            (b"\x1b$B$\"\x1b(B", "text/plain; charset=ISO-2022-JP", "\u{3042}"),
            (b"\xff\xff", "text/plain; charset=utf-8", "\u{fffd}\u{fffd}"),
            (b"\xff\xfeh\0i\0", "text/plain; charset=utf-16", "hi"),
            (b"\xef\xbb\xbf\xc3\xa9", "text/plain; charset=utf-8", "é"),
            (b"a\r\nb\r", "", "a\nb\r"),
            (b"", "text/plain; charset=", ""),
        ] {
            assert_eq!(text(bytes, content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn padding_is_as_google_likes() {
        assert_eq!(bytes("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(bytes("_-8="), Some(vec![0xff, 0xef]));
        assert_eq!(bytes("/+8="), None);
    }
}
