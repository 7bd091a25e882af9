//! Instants and durations in words.

use chrono::{DateTime, Datelike, Days, SecondsFormat, TimeDelta, TimeZone, Utc};

/// Returns an instant as RFC 3339 in UTC, to the millisecond where it is not a whole second.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    let exact = if at.timestamp_subsec_millis() == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    at.to_rfc3339_opts(exact, true)
}

/// Returns when something will be, as a person says it in the zone given: `in 12 seconds`, `9:00 AM tomorrow`.
pub(crate) fn coming<Z: TimeZone>(at: DateTime<Utc>, now: DateTime<Utc>, zone: &Z) -> String {
    let wait = at - now;
    if wait < TimeDelta::seconds(1) {
        return "now".to_owned();
    }
    if wait < TimeDelta::minutes(1) {
        return format!("in {}", counted(wait.num_seconds(), "second"));
    }
    if wait < TimeDelta::hours(1) {
        return format!("in {}", counted(wait.num_minutes(), "minute"));
    }
    let local = at.with_timezone(zone).naive_local();
    let today = now.with_timezone(zone).date_naive();
    let clock = local.format("%-I:%M %p");
    let date = local.date();
    if date == today {
        format!("{clock} today")
    } else if Some(date) == today.succ_opt() {
        format!("{clock} tomorrow")
    } else if today.checked_add_days(Days::new(7)).is_some_and(|week| date < week) {
        format!("{clock} on {}", local.format("%A"))
    } else if date.year() == today.year() {
        format!("{clock} on {}", local.format("%-d %B"))
    } else {
        format!("{clock} on {}", local.format("%-d %B %Y"))
    }
}

/// Returns how long ago something was: `3 minutes ago`.
pub(crate) fn past(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let age = now - at;
    if age < TimeDelta::seconds(1) {
        "just now".to_owned()
    } else if age < TimeDelta::minutes(1) {
        format!("{} ago", counted(age.num_seconds(), "second"))
    } else if age < TimeDelta::hours(1) {
        format!("{} ago", counted(age.num_minutes(), "minute"))
    } else if age < TimeDelta::days(2) {
        format!("{} ago", counted(age.num_hours(), "hour"))
    } else {
        format!("{} ago", counted(age.num_days(), "day"))
    }
}

/// Returns a duration of milliseconds with a fitting unit.
pub(crate) fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
        _ => format!("{} h {} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}

/// Returns a count with its noun.
pub(crate) fn counted(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_comes_is_said_as_a_person_says_it() {
        let now = at("2024-12-08T10:30:00Z");
        let say = |text: &str| coming(at(text), now, &Utc);
        assert_eq!(say("2024-12-08T10:30:00.2Z"), "now");
        assert_eq!(say("2024-12-08T10:30:01Z"), "in 1 second");
        assert_eq!(say("2024-12-08T10:44:59Z"), "in 14 minutes");
        assert_eq!(say("2024-12-08T17:00:00Z"), "5:00 PM today");
        assert_eq!(say("2024-12-09T09:00:00Z"), "9:00 AM tomorrow");
        assert_eq!(say("2024-12-14T00:05:00Z"), "12:05 AM on Saturday");
        assert_eq!(say("2024-12-15T12:00:00Z"), "12:00 PM on 15 December");
        assert_eq!(say("2025-02-28T12:00:00Z"), "12:00 PM on 28 February 2025");
    }

    #[test]
    fn tomorrow_begins_at_the_zones_midnight() {
        let zone = FixedOffset::east_opt(10 * 3600).unwrap();
        assert_eq!(coming(at("2024-12-08T15:00:00Z"), at("2024-12-08T10:30:00Z"), &zone), "1:00 AM tomorrow");
    }

    #[test]
    fn what_was_is_counted_in_the_largest_fitting_unit() {
        let now = at("2024-12-08T10:30:00Z");
        assert_eq!(past(at("2024-12-08T10:29:59.5Z"), now), "just now");
        assert_eq!(past(at("2024-12-08T10:29:15Z"), now), "45 seconds ago");
        assert_eq!(past(at("2024-12-07T10:30:00Z"), now), "24 hours ago");
        assert_eq!(past(at("2024-12-01T10:30:00Z"), now), "7 days ago");
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        assert_eq!(duration(7), "7 ms");
        assert_eq!(duration(15_040), "15.0 s");
        assert_eq!(duration(125_000), "2 min 5 s");
        assert_eq!(duration(7_260_000), "2 h 1 min");
    }

    #[test]
    fn a_whole_second_is_written_without_a_fraction() {
        assert_eq!(rfc3339(at("2024-12-09T09:00:00Z")), "2024-12-09T09:00:00Z");
        assert_eq!(rfc3339(at("2024-12-09T09:00:00.25Z")), "2024-12-09T09:00:00.250Z");
    }
}
