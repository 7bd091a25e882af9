//! What an expression means, for whoever wrote it: in words, and as the due times to come.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use super::cron_expr::CronExpr;
use super::local;
use super::timezone::{Timezone, TimezoneError};
use crate::error::{Error, ErrorCode, Location};

/// A cron expression explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The expression, its white space normalised.
    pub expression: CronExpr,
    /// The zone whose clocks count.
    pub timezone: Timezone,
    /// The expression in English, in lower case and without a full stop.
    pub description: String,
    /// Due times to come, earliest first.
    pub fires: Vec<ExplainedFire>,
}

/// A due time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedFire {
    /// The instant.
    pub utc: DateTime<Utc>,
    /// What the zone's clocks show then, and their offset from UTC.
    pub local: DateTime<FixedOffset>,
    /// What a change of the clock has to do with it; none where it has nothing.
    pub note: Option<String>,
}

impl Explanation {
    /// The most due times that [`read`](Self::read) lists.
    pub const MOST_FIRES: usize = 1_000;

    /// Explains an expression by its first `count` due times later than `from`.
    #[must_use]
    pub fn new(expression: CronExpr, timezone: Timezone, from: DateTime<Utc>, count: usize) -> Self {
        let mut fires = Vec::with_capacity(count.min(Self::MOST_FIRES));
        let mut before = from;
        while fires.len() < count
            && let Some(at) = local::next_after(&expression, timezone, before)
        {
            fires.push(ExplainedFire::of_cron(&expression, timezone, before, at));
            before = at;
        }
        Self { description: expression.describe(), expression, timezone, fires }
    }

    /// Explains an expression that somebody wrote.
    ///
    /// # Errors
    /// `INVALID_CRON` and `CRON_NEVER_FIRES`, every fault in `details.diagnostics` with its place in the text, which counts as
    /// line 1; `INVALID_TIMEZONE`; `INVALID_REQUEST` when `count` is more than [`MOST_FIRES`](Self::MOST_FIRES).
    pub fn read(expression: &str, timezone: &str, from: DateTime<Utc>, count: usize) -> Result<Self, Error> {
        if count > Self::MOST_FIRES {
            let message = format!("{count} due times are asked for, and at most {} are listed", Self::MOST_FIRES);
            return Err(
                Error::new(ErrorCode::InvalidRequest, message).with_hint("ask for the later ones by a later `from`")
            );
        }
        let faults = CronExpr::diagnose(expression);
        let mut diagnostics: Vec<Error> = faults
            .into_iter()
            .map(|fault| {
                hinted(Error::new(fault.kind.code(), fault.message), fault.hint)
                    .with_location(place(expression, &fault.span))
            })
            .collect();
        let zone = Timezone::parse(timezone).map_err(|TimezoneError { message, hint }| {
            diagnostics.push(hinted(Error::new(ErrorCode::InvalidTimezone, message), hint));
        });
        match (Error::from_diagnostics(diagnostics), CronExpr::parse(expression), zone) {
            (None, Ok(expression), Ok(timezone)) => Ok(Self::new(expression, timezone, from, count)),
            (Some(error), ..) => Err(error),
            // What cannot be parsed has faults.
            (None, ..) => Err(Error::new(ErrorCode::InvalidCron, "the expression cannot be read")),
        }
    }
}

impl ExplainedFire {
    /// Explains the first due time that is later than `before`.
    pub(super) fn of_cron(
        expression: &CronExpr,
        timezone: Timezone,
        before: DateTime<Utc>,
        utc: DateTime<Utc>,
    ) -> Self {
        let note = local::change_between(expression, timezone, before, utc).map(|change| change.to_string());
        Self { utc, local: utc.with_timezone(&timezone.offset_at(utc)), note }
    }
}

fn hinted(error: Error, hint: Option<String>) -> Error {
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Returns where a part of a text of one line is.
fn place(text: &str, span: &std::ops::Range<usize>) -> Location {
    let column = |offset: usize| text.get(..offset).map(|before| before.chars().count() as u32 + 1);
    Location { line: 1, column: column(span.start), end_column: column(span.end), snippet: Some(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::WireError;

    fn explain(expression: &str, timezone: &str, from: &str, count: usize) -> Explanation {
        Explanation::read(expression, timezone, from.parse().unwrap(), count).unwrap()
    }

    fn fires(expression: &str, timezone: &str, from: &str, count: usize) -> Vec<String> {
        let explained = explain(expression, timezone, from, count);
        let line = |fire: &ExplainedFire| match &fire.note {
            Some(note) => format!("{} {note}", fire.local.to_rfc3339()),
            None => fire.local.to_rfc3339(),
        };
        explained.fires.iter().map(line).collect()
    }

    #[test]
    fn the_answer_has_the_expression_the_zone_the_words_and_the_fires() {
        let explained = explain(" 0 9  * * mon-fri", "Europe/Dublin", "2026-03-27T12:00:00Z", 2);
        let expected = serde_json::json!({
            "expression": "0 9 * * mon-fri",
            "timezone": "Europe/Dublin",
            "description": "at 09:00 on Monday to Friday",
            "fires": [
                {"utc": "2026-03-30T08:00:00Z", "local": "2026-03-30T09:00:00+01:00", "note": null},
                {"utc": "2026-03-31T08:00:00Z", "local": "2026-03-31T09:00:00+01:00", "note": null},
            ],
        });
        assert_eq!(serde_json::to_value(explained).unwrap(), expected);
    }

    #[test]
    fn a_fire_that_a_gap_moved_says_so() {
        assert_eq!(
            fires("30 1 * * *", "Europe/Dublin", "2026-03-28T12:00:00Z", 2),
            [
                "2026-03-29T02:00:00+01:00 the clocks go forward from 01:00 to 02:00: a time in between does not exist, \
                 and what was due then runs once, at the end of the gap",
                "2026-03-30T01:30:00+01:00",
            ]
        );
        assert_eq!(
            fires("*/30 * * * *", "Europe/Dublin", "2026-03-29T00:10:00Z", 3),
            [
                "2026-03-29T00:30:00+00:00",
                "2026-03-29T02:00:00+01:00 the clocks went forward from 01:00 to 02:00: the times in between do not exist",
                "2026-03-29T02:30:00+01:00",
            ]
        );
    }

    #[test]
    fn a_fire_that_comes_twice_says_so() {
        assert_eq!(
            fires("30 1 * * *", "Europe/Dublin", "2026-10-24T12:00:00Z", 2),
            [
                "2026-10-25T01:30:00+01:00 the clocks go back from 02:00 to 01:00: this time comes twice, and runs the first time only",
                "2026-10-26T01:30:00+00:00",
            ]
        );
        assert_eq!(
            fires("30 * * * *", "Australia/Lord_Howe", "2026-04-04T13:40:00Z", 4),
            [
                "2026-04-05T01:30:00+11:00 the clocks go back from 02:00 to 01:30: the first of two passes",
                "2026-04-05T01:30:00+10:30 the clocks go back from 02:00 to 01:30: the second of two passes",
                "2026-04-05T02:30:00+10:30",
                "2026-04-05T03:30:00+10:30",
            ]
        );
    }

    #[test]
    fn a_day_that_the_calendar_left_out_is_named() {
        assert_eq!(
            fires("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 2),
            [
                "2011-12-29T12:00:00-10:00",
                "2011-12-31T12:00:00+14:00 the clocks went forward from 2011-12-30 00:00 to 2011-12-31 00:00: the times in \
                 between do not exist",
            ]
        );
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let error = Explanation::read("61 24 * * *", "Europe/Dubln", Utc::now(), 1).unwrap_err();
        let diagnostics: Vec<WireError> = serde_json::from_value(error.details()["diagnostics"].clone()).unwrap();
        let places: Vec<_> = diagnostics
            .iter()
            .map(|fault| (fault.code, fault.location.as_ref().and_then(|place| place.column), fault.hint.is_some()))
            .collect();
        assert_eq!(
            places,
            [
                (ErrorCode::InvalidCron, Some(1), true),
                (ErrorCode::InvalidCron, Some(4), true),
                (ErrorCode::InvalidTimezone, None, true)
            ]
        );
        assert_eq!(
            Explanation::read("0 0 30 2 *", "UTC", Utc::now(), 1).unwrap_err().code(),
            ErrorCode::CronNeverFires
        );
        assert_eq!(
            Explanation::read("@daily", "UTC", Utc::now(), 1_001).unwrap_err().code(),
            ErrorCode::InvalidRequest
        );
    }
}
