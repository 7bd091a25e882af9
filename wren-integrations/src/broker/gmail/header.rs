//! The header fields of a message, as Gmail lists them: raw, the topmost first.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use wren_core::mail::{LONGEST_FIELD, addresses, decode};

/// How many fields are read. The topmost are those that mail systems wrote.
const MOST_FIELDS: usize = 1000;

/// The header fields of a message or of one of its parts.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    /// The fields of a payload, or of a part in it.
    pub(super) fn of(part: &'a Value) -> Self {
        Self(&part["headers"])
    }

    /// Returns the names and raw values, the topmost first.
    pub(super) fn all(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let fields = self.0.as_array().map(Vec::as_slice).unwrap_or_default();
        fields.iter().take(MOST_FIELDS).filter_map(|field| {
            let value = field["value"].as_str()?;
            Some((field["name"].as_str()?, &value[..value.floor_char_boundary(LONGEST_FIELD)]))
        })
    }

    /// Returns the topmost field of a name, raw.
    pub(super) fn raw(self, name: &str) -> Option<&'a str> {
        self.every(name).next()
    }

    /// Returns all fields of a name, raw.
    pub(super) fn every(self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the topmost field of a name, decoded.
    pub(super) fn text(self, name: &str) -> Option<String> {
        self.raw(name).map(decode)
    }

    /// Returns the addresses in the fields of a name, each with its name; a field that is no list of addresses as one text.
    pub(super) fn addresses(self, name: &str) -> Vec<String> {
        self.every(name).flat_map(addresses).collect()
    }
}

/// Returns when a message was sent by its own word, and else when Gmail had it, as RFC 3339 has it.
pub(super) fn date(message: &Value, fields: Fields<'_>) -> Option<String> {
    if let Some(own) = fields.raw("Date").and_then(wren_core::mail::date) {
        return Some(own);
    }
    let milliseconds = message["internalDate"].as_str()?.parse().ok()?;
    let received = DateTime::<Utc>::from_timestamp_millis(milliseconds)?;
    Some(received.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_of_addresses_is_split() {
        let message =
            json!({"headers": [{"name": "to", "value": "a@x.org, B <b@x.org>"}, {"name": "TO", "value": "c@x.org"}]});
        assert_eq!(Fields::of(&message).addresses("To"), ["a@x.org", "\"B\" <b@x.org>", "c@x.org"]);
    }

    #[test]
    fn a_date_without_sense_is_when_gmail_had_it() {
        for (raw, expected) in [
            ("Fri, 1 May 2026 12:00:00 +0200", "2026-05-01T12:00:00+02:00"),
            ("Fri, 1 May 2026 10:00:00 GMT", "2026-05-01T10:00:00Z"),
            ("1 May 2026 10:00 -0000 (comment)", "2026-05-01T10:00:00Z"),
            ("yesterday", "2026-05-02T00:00:00Z"),
            ("Fri, 99 May 2026 10:00:00 GMT", "2026-05-02T00:00:00Z"),
        ] {
            let message = json!({"internalDate": "1777680000000", "headers": [{"name": "Date", "value": raw}]});
            assert_eq!(date(&message, Fields::of(&message)).as_deref(), Some(expected), "{raw}");
        }
    }
}
