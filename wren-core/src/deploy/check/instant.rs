//! Instants as scripts write them: RFC 3339, or the clock of the trigger's zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::units::Misfit;
use crate::schedule::Timezone;

/// What a date without a time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateMeans {
    /// Its first moment.
    Start,
    /// Its last second.
    End,
    /// Nothing: a time is needed.
    Nothing,
}

/// Reads an instant.
pub(super) fn read(key: &str, text: &str, zone: Timezone, date: DateMeans) -> Result<DateTime<Utc>, Misfit> {
    let trimmed = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(trimmed) {
        return Ok(at.with_timezone(&Utc));
    }
    let naive = trimmed.replacen(' ', "T", 1);
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&naive, format).ok());
    if let Some(local) = local {
        return Ok(to_utc(local, zone));
    }
    let example = "an instant such as \"2026-01-31T09:00:00Z\"";
    let misfit = || Misfit::wants(key, example, &format!("`{trimmed}`"));
    let Ok(day) = trimmed.parse::<NaiveDate>() else { return Err(misfit()) };
    let time = match date {
        DateMeans::Start => NaiveTime::MIN,
        DateMeans::End => NaiveTime::from_hms_opt(23, 59, 59).unwrap_or(NaiveTime::MIN),
        DateMeans::Nothing => return Err(misfit().with_hint(format!("add a time, as in \"{day}T09:00\""))),
    };
    Ok(to_utc(day.and_time(time), zone))
}

/// Returns the first instant at which a zone's clocks show a time; in a spring gap, the time as counted by the clocks
/// before it, as cron(8) and RFC 5545 do.
fn to_utc(local: NaiveDateTime, zone: Timezone) -> DateTime<Utc> {
    let assumed = local.and_utc();
    // Offsets differ by less than a day, so both of those that may be in force are found around it.
    let [before, after] = [-1, 1].map(|days| zone.offset_at(assumed + TimeDelta::days(days)));
    let with = |offset: chrono::FixedOffset| assumed - TimeDelta::seconds(offset.local_minus_utc().into());
    let fits = [before, after].map(with).into_iter().filter(|at| zone.to_local(*at) == local).min();
    fits.unwrap_or_else(|| with(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> String {
        let zone = Timezone::parse(zone).unwrap();
        read("at", text, zone, DateMeans::Start).unwrap().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    #[test]
    fn an_instant_has_an_offset_or_is_on_the_zones_clock() {
        assert_eq!(at("2026-07-01T09:00:00+02:00", "Asia/Tokyo"), "2026-07-01T07:00:00Z");
        assert_eq!(at("2026-07-01T09:00", "Europe/Dublin"), "2026-07-01T08:00:00Z");
        assert_eq!(at("2026-01-01 09:00:30", "Europe/Dublin"), "2026-01-01T09:00:30Z");
        assert_eq!(at("2026-07-01", "America/New_York"), "2026-07-01T04:00:00Z");
    }

    #[test]
    fn changes_of_the_clock_have_one_reading() {
        assert_eq!(at("2026-10-25T01:30", "Europe/Dublin"), "2026-10-25T00:30:00Z");
        assert_eq!(at("2026-03-29T01:30", "Europe/Dublin"), "2026-03-29T01:30:00Z");
        assert_eq!(at("2026-03-29T02:00", "Europe/Dublin"), "2026-03-29T01:00:00Z");
    }

    #[test]
    fn a_date_alone_is_a_bound_and_no_due_time() {
        let end = read("end", "2026-12-31", Timezone::UTC, DateMeans::End).unwrap();
        assert_eq!(end.to_rfc3339(), "2026-12-31T23:59:59+00:00");
        let misfit = read("at", "2026-12-31", Timezone::UTC, DateMeans::Nothing).unwrap_err();
        assert_eq!(misfit.hint.as_deref(), Some("add a time, as in \"2026-12-31T09:00\""));
        assert!(read("at", "tomorrow", Timezone::UTC, DateMeans::Start).is_err());
    }
}
