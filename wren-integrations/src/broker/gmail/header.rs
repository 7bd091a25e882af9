//! The header fields of a message, as Gmail lists them: raw, the topmost first.

use chrono::{DateTime, SecondsFormat, Utc};
use mailparse::{MailAddr, addrparse_header, parse_header};
use serde_json::Value;

/// The longest field that is read. Longer ones are cut: no mail system lets so much through.
const MOST: usize = 64 * 1024;

/// How many fields are read. The topmost are those that mail systems wrote.
const MOST_FIELDS: usize = 1000;

/// How much work encoded words may be: the parser looks through the rest of a field for each thing that looks like one. Half a
/// thousand addresses with encoded names are less; a field full of `=?` would take seconds.
const MOST_WORK: usize = 16 * 1024 * 1024;

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
            Some((field["name"].as_str()?, &value[..value.floor_char_boundary(MOST)]))
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

/// Decodes a field's value: encoded words (RFC 2047) become text, folds and line breaks in it spaces.
pub(super) fn decode(value: &str) -> String {
    if !is_sensible(value) {
        return unfolded(value);
    }
    let line = in_one_line(value);
    let decoded = parse_header(&line).map(|(header, _)| header.get_value());
    decoded.map(|text| text.replace(['\r', '\n', '\0'], " ").trim().to_owned()).unwrap_or_default()
}

/// Says whether the encoded words of a value can be decoded in no time.
fn is_sensible(value: &str) -> bool {
    value.matches("=?").count().saturating_mul(value.len()) <= MOST_WORK
}

/// Writes a value as a field that a parser takes.
fn in_one_line(value: &str) -> Vec<u8> {
    format!("X: {}", unfolded(value)).into_bytes()
}

/// Returns a value in one line: a fold is a space.
fn unfolded(value: &str) -> String {
    let lines = value.split(['\r', '\n', '\0']).map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<&str>>().join(" ")
}

/// Splits a list of addresses. Encoded words are decoded after that: a comma in one separates nothing.
fn addresses(value: &str) -> Vec<String> {
    let Some(list) = list(value) else { return vec![decode(value)] };
    list.into_iter()
        .flat_map(|address| match address {
            MailAddr::Single(one) => vec![one.to_string()],
            MailAddr::Group(group) => group.addrs.iter().map(ToString::to_string).collect(),
        })
        .map(|address| address.replace(['\r', '\n', '\0'], " "))
        .collect()
}

/// Parses a list of addresses; `None` when a value is none.
fn list(value: &str) -> Option<Vec<MailAddr>> {
    let line = in_one_line(value);
    let (header, _) = parse_header(&line).ok().filter(|_| is_sensible(value))?;
    addrparse_header(&header).ok().map(|list| list.into_inner())
}

/// Returns the one domain that a message claims to come from; `None` when it claims none, or more than one.
///
/// It is read from the raw fields: an address in an encoded word is a name that looks like one.
pub(super) fn from_domain(fields: Fields<'_>) -> Option<String> {
    let mut froms = fields.every("From");
    let from = froms.next().filter(|_| froms.next().is_none())?;
    let list = list(from)?;
    let [MailAddr::Single(address)] = list.as_slice() else { return None };
    let (_, domain) = address.addr.rsplit_once('@')?;
    Some(domain.trim().to_ascii_lowercase()).filter(|domain| !domain.is_empty())
}

/// Returns when a message was sent by its own word, and else when Gmail had it, as RFC 3339 has it.
pub(super) fn date(message: &Value, fields: Fields<'_>) -> Option<String> {
    if let Some(own) = fields.raw("Date").and_then(|date| DateTime::parse_from_rfc2822(&unfolded(date)).ok()) {
        return Some(own.to_rfc3339_opts(SecondsFormat::Secs, true));
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
    fn lists_of_addresses_are_split_as_rfc_5322_says() {
        for (raw, expected) in [
            ("a@x.org, B <b@x.org>", &["a@x.org", "\"B\" <b@x.org>"][..]),
            ("\"Doe, Jane\" <j@x.org>", &["\"Doe, Jane\" <j@x.org>"]),
            ("=?utf-8?q?Doe=2C_J=C3=A9?= <j@x.org>, k@x.org", &["\"Doe, Jé\" <j@x.org>", "k@x.org"]),
            ("team: a@x.org, b@x.org;", &["a@x.org", "b@x.org"]),
            ("undisclosed-recipients:;", &[]),
            ("no address at all", &["no address at all"]),
        ] {
            let message = json!({"headers": [{"name": "to", "value": raw}]});
            assert_eq!(Fields::of(&message).addresses("To"), expected, "{raw}");
        }
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

    #[test]
    fn a_field_that_would_take_seconds_is_left_as_it_is() {
        for unit in ["=?", "=?utf-8?q?a?= ", "=?u?q?=?="] {
            let value = unit.repeat(64 * 1024 / unit.len());
            assert_eq!(decode(&value), value.trim_end());
            assert_eq!(addresses(&value), [value.trim_end()]);
        }
        let people = "=?utf-8?q?Ren=C3=A9e?= <renee@example.com>, ".repeat(500);
        assert!(addresses(&people).iter().all(|person| person == "\"Renée\" <renee@example.com>"));
    }
}
