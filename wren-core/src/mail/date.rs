//! When a mail was sent, by its own word.

use chrono::{DateTime, SecondsFormat};

use super::field::unfolded;

/// Returns a `Date` field (RFC 5322, section 3.3) as RFC 3339 has it; `None` when it is no date.
#[must_use]
pub fn date(value: &str) -> Option<String> {
    // A date with a comment is below a hundred characters.
    let value = &value[..value.floor_char_boundary(1000)];
    let date = DateTime::parse_from_rfc2822(&unfolded(value)).ok()?;
    // Years of five digits are no RFC 3339, and Python has none before the first.
    let written = date.to_rfc3339_opts(SecondsFormat::Secs, true);
    let year = written.get(..5)?;
    (year.ends_with('-') && year != "0000-").then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_with_its_zone_and_nonsense_is_none() {
        for (raw, expected) in [
            ("Fri, 1 May 2026 12:00:00 +0200", Some("2026-05-01T12:00:00+02:00")),
            ("Fri, 1 May 2026 10:00:00 GMT", Some("2026-05-01T10:00:00Z")),
            ("1 May 2026 10:00 -0000 (comment)", Some("2026-05-01T10:00:00Z")),
            ("yesterday", None),
            ("Fri, 99 May 2026 10:00:00 GMT", None),
            ("1 Jan 99999 00:00:00 GMT", None),
            ("1 Jan 0000 00:00:00 +0000", None),
            ("1 Jan 2026 00:00:00 +9999", None),
            ("", None),
        ] {
            assert_eq!(date(raw).as_deref(), expected, "{raw}");
        }
    }
}
