//! The value of a header field.

use mailparse::parse_header;

/// The longest field that is read, in bytes. No mail system lets so much through.
pub const LONGEST_FIELD: usize = 64 * 1024;

/// How much work encoded words may be: the parser looks through the rest of a field for each thing that looks like one. Half a
/// thousand addresses with encoded names are less; a field full of `=?` would take seconds.
const MOST_WORK: usize = 16 * 1024 * 1024;

/// Decodes a field's value: encoded words (RFC 2047) become text, folds and line breaks in it spaces.
///
/// A value with more encoded words than are decoded in no time is returned as it is, in one line.
#[must_use]
pub fn decode(value: &str) -> String {
    let value = bounded(value);
    if !is_sensible(value) {
        return unfolded(value);
    }
    let line = in_one_line(value);
    let decoded = parse_header(&line).map(|(header, _)| header.get_value());
    decoded.map(|text| text.replace(['\r', '\n', '\0'], " ").trim().to_owned()).unwrap_or_default()
}

/// Returns a value in one line: a fold is a space.
#[must_use]
pub fn unfolded(value: &str) -> String {
    let lines = value.split(['\r', '\n', '\0']).map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<&str>>().join(" ")
}

/// Cuts a value that is longer than any field.
pub(super) fn bounded(value: &str) -> &str {
    &value[..value.floor_char_boundary(LONGEST_FIELD)]
}

/// Says whether the encoded words of a value can be decoded in no time.
pub(super) fn is_sensible(value: &str) -> bool {
    value.matches("=?").count().saturating_mul(value.len()) <= MOST_WORK
}

/// Writes a value as a field that a parser takes.
pub(super) fn in_one_line(value: &str) -> Vec<u8> {
    format!("X: {}", unfolded(value)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("=?utf-8?B?w6k=?= =?iso-8859-1?Q?=E9t=E9?=", "éété"),
            ("folded\r\n  =?utf-8?q?caf=C3=A9?=", "folded café"),
            ("=?utf-8?q?a=0D=0ABcc:_x@y.z?=", "a  Bcc: x@y.z"),
            ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
            ("", ""),
        ] {
            assert_eq!(decode(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_field_that_would_take_seconds_is_left_as_it_is() {
        for unit in ["=?", "=?utf-8?q?a?= ", "=?u?q?=?="] {
            let value = unit.repeat(LONGEST_FIELD / unit.len());
            assert_eq!(decode(&value), value.trim_end());
        }
    }

    #[test]
    fn a_field_longer_than_any_is_cut_between_characters() {
        let value = "é".repeat(LONGEST_FIELD);
        assert_eq!(decode(&value).len(), LONGEST_FIELD);
    }
}
