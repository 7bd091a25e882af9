//! Schedules: a rule that says when, and the bounds between which it holds.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};

use super::cron_expr::CronExpr;
use super::every::Every;
use super::explain::ExplainedFire;
use super::local;
use super::schedule_json::Wire;
use super::timezone::Timezone;

/// When a trigger is due, before any bounds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// At the times of a cron expression, on the clocks of a zone.
    Cron {
        /// The expression.
        expr: CronExpr,
        /// The zone whose clocks count.
        timezone: Timezone,
    },
    /// Once per period. The due times are `anchor` plus or minus whole periods of elapsed time, `anchor` included.
    Every {
        /// The period.
        period: Every,
        /// The instant that the due times are aligned with, in whole seconds.
        anchor: DateTime<Utc>,
    },
    /// Once.
    At {
        /// The instant, in whole milliseconds.
        at: DateTime<Utc>,
    },
}

/// When a trigger is due: a [`Rule`], and optionally the first and the last moment at which it holds.
///
/// Every due time is a whole millisecond, so that a store which keeps no finer time gives it back unchanged.
///
/// Clock changes follow Debian's cron(8). A cron job at fixed times that fall into a spring gap runs once, at the gap's
/// end, even when several of its times do; in an autumn repeat it runs the first time only. A job whose minute or hour
/// field begins with `*` follows elapsed time instead: it runs in both passes of the repeat, and the gap has nothing to
/// make up for. A gap of three hours or more is a correction of the calendar and is not made up for either. Periods
/// count elapsed time and do not know of clocks.
///
/// Serde writes one of `{"cron", "timezone"}`, `{"every", "anchor"}` and `{"at"}`, with `start` and `end` when given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Schedule {
    rule: Rule,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
}

impl Schedule {
    /// Makes a schedule from a cron expression.
    pub fn cron(expr: CronExpr, timezone: Timezone) -> Self {
        Self::unbounded(Rule::Cron { expr, timezone })
    }

    /// Makes a schedule that repeats every `period`, aligned with `anchor`, whose fraction of a second is dropped.
    pub fn every(period: Every, anchor: DateTime<Utc>) -> Self {
        let anchor = anchor.with_nanosecond(0).unwrap_or(anchor);
        Self::unbounded(Rule::Every { period, anchor })
    }

    /// Makes a schedule that is due once, at `at` rounded down to a whole millisecond.
    pub fn at(at: DateTime<Utc>) -> Self {
        let at = DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at);
        Self::unbounded(Rule::At { at })
    }

    fn unbounded(rule: Rule) -> Self {
        Self { rule, start: None, end: None }
    }

    /// Sets the first moment at which the rule holds. A due time at this very moment counts.
    #[must_use]
    pub fn with_start(mut self, start: Option<DateTime<Utc>>) -> Self {
        self.start = start;
        self
    }

    /// Sets the last moment at which the rule holds. A due time at this very moment counts.
    #[must_use]
    pub fn with_end(mut self, end: Option<DateTime<Utc>>) -> Self {
        self.end = end;
        self
    }

    /// Returns the rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Returns the rule, without its bounds.
    pub fn into_rule(self) -> Rule {
        self.rule
    }

    /// Returns the first moment at which the rule holds.
    pub fn start(&self) -> Option<DateTime<Utc>> {
        self.start
    }

    /// Returns the last moment at which the rule holds.
    pub fn end(&self) -> Option<DateTime<Utc>> {
        self.end
    }

    /// Returns the first due time that is strictly later than `after`, or none when there is none left.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = match self.start {
            // A due time at `start` itself must still be found.
            Some(start) => after.max(start.checked_sub_signed(TimeDelta::nanoseconds(1))?),
            None => after,
        };
        let next = match &self.rule {
            Rule::Cron { expr, timezone } => local::next_after(expr, *timezone, after)?,
            Rule::Every { period, anchor } => next_period(*period, *anchor, after)?,
            Rule::At { at } => Some(*at).filter(|at| *at > after)?,
        };
        match self.end {
            Some(end) if next > end => None,
            _ => Some(next),
        }
    }

    /// Explains a due time of this schedule; `before` is the one before it, or an instant since then.
    pub fn explained(&self, before: DateTime<Utc>, at: DateTime<Utc>) -> ExplainedFire {
        match &self.rule {
            Rule::Cron { expr, timezone } => ExplainedFire::of_cron(expr, *timezone, before, at),
            Rule::Every { .. } | Rule::At { .. } => ExplainedFire { utc: at, local: at.fixed_offset(), note: None },
        }
    }

    /// Returns the due times later than `after`, one after the other.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        std::iter::successors(self.next_after(after), |at| self.next_after(*at))
    }
}

fn next_period(period: Every, anchor: DateTime<Utc>, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let period = i64::from(period.seconds());
    // Whole seconds suffice: the anchor has no fraction, so a due time later than `after`'s second is later than it.
    let periods = (after.timestamp() - anchor.timestamp()).div_euclid(period) + 1;
    DateTime::from_timestamp(anchor.timestamp() + periods * period, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn every(period: &str, anchor: &str) -> Schedule {
        Schedule::every(Every::parse(period).unwrap(), utc(anchor))
    }

    #[test]
    fn periods_are_aligned_with_their_anchor_and_strictly_later() {
        let schedule = every("15m", "2026-01-01T00:05:00.750Z");
        let next = |after| schedule.next_after(utc(after)).unwrap();
        assert_eq!(next("2026-01-01T00:05:00Z"), utc("2026-01-01T00:20:00Z"));
        assert_eq!(next("2026-01-01T00:04:59.999999999Z"), utc("2026-01-01T00:05:00Z"));
        assert_eq!(next("2026-01-01T00:19:59.5Z"), utc("2026-01-01T00:20:00Z"));
        assert_eq!(next("2025-12-31T23:00:00Z"), utc("2025-12-31T23:05:00Z"));
        assert_eq!(next("2926-01-01T00:05:00Z"), utc("2926-01-01T00:20:00Z"));
    }

    #[test]
    fn both_bounds_belong_to_the_schedule() {
        let schedule = every("1h", "2026-01-01T00:00:00Z")
            .with_start(Some(utc("2026-01-02T03:00:00Z")))
            .with_end(Some(utc("2026-01-02T04:00:00Z")));
        let fires: Vec<_> = schedule.upcoming(utc("2026-01-01T00:00:00Z")).collect();
        assert_eq!(fires, [utc("2026-01-02T03:00:00Z"), utc("2026-01-02T04:00:00Z")]);
    }

    #[test]
    fn an_instant_is_due_once_and_in_whole_milliseconds() {
        let schedule = Schedule::at(utc("2026-01-01T00:00:00.123456789Z"));
        let fires: Vec<_> = schedule.upcoming(utc("2020-01-01T00:00:00Z")).collect();
        assert_eq!(fires, [utc("2026-01-01T00:00:00.123Z")]);
        assert_eq!(schedule.next_after(fires[0]), None);
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_panic() {
        let cron = Schedule::cron(CronExpr::parse("* * * * *").unwrap(), Timezone::parse("Asia/Tokyo").unwrap());
        for schedule in [cron, every("366d", "2026-01-01T00:00:00Z"), Schedule::at(DateTime::<Utc>::MAX_UTC)] {
            for after in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                let next = schedule.with_start_of(after).next_after(after);
                assert!(next.is_none_or(|next| next > after));
            }
        }
    }

    impl Schedule {
        fn with_start_of(&self, start: DateTime<Utc>) -> Self {
            self.clone().with_start(Some(start))
        }
    }
}
