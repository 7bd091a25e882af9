//! Time zones by their IANA names.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cron_error::quoted;
use crate::suggest::nearest;

/// Abbreviations that people write and IANA does not have, each with a place that uses it.
const ABBREVIATIONS: [(&str, &str); 18] = [
    ("ACST", "Australia/Adelaide"),
    ("AEDT", "Australia/Sydney"),
    ("AEST", "Australia/Sydney"),
    ("AWST", "Australia/Perth"),
    ("BRT", "America/Sao_Paulo"),
    ("BST", "Europe/London"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Berlin"),
    ("CST", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("EEST", "Europe/Athens"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MDT", "America/Denver"),
    ("MSK", "Europe/Moscow"),
    ("PDT", "America/Los_Angeles"),
    ("PST", "America/Los_Angeles"),
    ("SGT", "Asia/Singapore"),
];

/// An IANA time zone, such as `Europe/Dublin`.
///
/// The zones are those of the IANA database that the build carries, so a host's own zone files change nothing. Names
/// are matched with their case. The few abbreviations that IANA itself lists (`CET`, `EST`, `UTC` …) are accepted; the
/// others stand for several zones each and are refused with a suggestion.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timezone(Tz);

impl Timezone {
    /// Coordinated universal time, the zone of a trigger that names none.
    pub const UTC: Self = Self(Tz::UTC);

    /// Finds a zone by its IANA name.
    ///
    /// # Errors
    ///
    /// [`TimezoneError`] when IANA has no such zone, with a suggestion where there is a likely one.
    pub fn parse(name: &str) -> Result<Self, TimezoneError> {
        name.parse().map(Self).map_err(|_| TimezoneError::unknown(name))
    }

    /// Returns the IANA name.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Returns what the clocks of this zone show at an instant.
    pub fn to_local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        // Never overflows into a panic, unlike plain addition, at the ends of chrono's range.
        let utc = at.naive_utc();
        utc.checked_add_offset(self.offset_at(at)).unwrap_or(utc)
    }

    /// Returns the offset from UTC that is in force at an instant.
    pub fn offset_at(&self, at: DateTime<Utc>) -> FixedOffset {
        self.0.offset_from_utc_datetime(&at.naive_utc()).fix()
    }

    pub(super) fn tz(&self) -> Tz {
        self.0
    }
}

impl Default for Timezone {
    fn default() -> Self {
        Self::UTC
    }
}

/// Says that a name is no IANA time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimezoneError {
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// How to mend it, when there is a good guess.
    pub hint: Option<String>,
}

impl TimezoneError {
    fn unknown(name: &str) -> Self {
        let trimmed = name.trim();
        if trimmed.is_empty() {
            return Self {
                message: "the timezone is empty".to_owned(),
                hint: Some("leave it out for `UTC`, or name a place such as `Europe/Dublin`".to_owned()),
            };
        }
        if let Some((_, place)) = ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(trimmed)) {
            return Self {
                message: format!("timezone {} is an abbreviation, which can mean several zones", quoted(trimmed)),
                hint: Some(format!("name a place, such as `{place}`")),
            };
        }
        Self { message: format!("unknown timezone {}", quoted(name)), hint: Some(hint_for(trimmed)) }
    }
}

fn hint_for(name: &str) -> String {
    if let Some(zone) = likely_zone(name) {
        return format!("did you mean `{zone}`?");
    }
    let offset = name.trim_start_matches("UTC").trim_start_matches("GMT");
    if offset.starts_with(['+', '-']) {
        return "an offset is not a zone and knows no summer time: name a place, such as `Europe/Dublin`".to_owned();
    }
    "name a place as IANA does, `Area/City`, such as `Europe/Dublin`".to_owned()
}

/// Finds the zone that was meant: the same but for case or spaces, then the city alone, then the nearest spelling.
fn likely_zone(name: &str) -> Option<&'static str> {
    let written = name.replace(' ', "_");
    let names = || TZ_VARIANTS.iter().map(|tz| tz.name());
    names()
        .find(|zone| zone.eq_ignore_ascii_case(&written))
        .or_else(|| {
            names().find(|zone| zone.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&written)))
        })
        .or_else(|| nearest(&written, names()))
}

impl fmt::Display for TimezoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TimezoneError {}

impl FromStr for Timezone {
    type Err = TimezoneError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timezone({})", self.name())
    }
}

impl Serialize for Timezone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Timezone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(name: &str) -> String {
        Timezone::parse(name).unwrap_err().hint.unwrap()
    }

    #[test]
    fn a_known_zone_keeps_its_name_through_json() {
        let zone = Timezone::parse("Europe/Dublin").unwrap();
        assert_eq!(serde_json::to_string(&zone).unwrap(), "\"Europe/Dublin\"");
        assert_eq!(serde_json::from_str::<Timezone>("\"Europe/Dublin\"").unwrap(), zone);
        assert_eq!(Timezone::default().name(), "UTC");
    }

    #[test]
    fn the_abbreviations_of_iana_itself_are_zones() {
        for name in ["UTC", "GMT", "CET", "EST", "MST7MDT"] {
            assert_eq!(Timezone::parse(name).unwrap().name(), name);
        }
    }

    #[test]
    fn a_wrong_name_comes_with_the_likely_one() {
        assert_eq!(hint("europe/dublin"), "did you mean `Europe/Dublin`?");
        assert_eq!(hint("Europe/Dubln"), "did you mean `Europe/Dublin`?");
        assert_eq!(hint("New York"), "did you mean `America/New_York`?");
        assert_eq!(hint("PST"), "name a place, such as `America/Los_Angeles`");
        assert!(hint("UTC+2").contains("offset is not a zone"));
        assert!(hint("").contains("UTC"));
        assert!(hint("the moon").contains("Area/City"));
    }

    #[test]
    fn local_time_follows_the_zone() {
        let zone = Timezone::parse("Asia/Kathmandu").unwrap();
        let at = DateTime::from_timestamp(0, 0).unwrap() + chrono::TimeDelta::days(20_000);
        assert_eq!(zone.to_local(at) - at.naive_utc(), chrono::TimeDelta::minutes(345));
        assert_eq!(zone.offset_at(at).local_minus_utc(), 345 * 60);
    }
}
