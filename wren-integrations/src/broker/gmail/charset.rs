//! The text of a part: base64url, in a charset that the part names.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

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
    wren_core::mail::text(bytes, &mailparse::parse_content_type(content_type).charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_in_its_charset() {
        for (bytes, content_type, expected) in [
            (&b"caf\xe9"[..], "text/plain; charset=ISO-8859-1", "café"),
            (b"caf+AOk-", "text/plain; charset=\"utf-7\"", "café"),
            (b"a\r\nb\r", "", "a\nb\r"),
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
