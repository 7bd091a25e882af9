//! Clock changes: from the local calendar of an expression to instants, by the rules of Debian's cron(8).
//!
//! A *gap* is local time that never happens, a *repeat* is local time that happens twice. cron(8) tells two kinds of
//! jobs apart. A fixed-time job whose time falls into a gap runs once at the gap's end, and one whose time falls into a
//! repeat runs the first time only. A job with `*` at the start of its minute or hour follows elapsed time: it runs in
//! both passes of a repeat and has nothing to make up for after a gap. A gap of three hours or more is a correction of
//! the calendar, such as Samoa's missing 30 December 2011, and not summer time: nothing is made up for.

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use super::calendar::HORIZON_YEARS;
use super::clock_change::{ClockChange, Effect};
use super::cron_expr::CronExpr;
use super::timezone::Timezone;

/// cron(8): from this size on a change of the clock is a correction, "and the new time is used immediately".
const CORRECTION: TimeDelta = TimeDelta::hours(3);

/// No zone moves its clock back and forth again within so short a time.
const CHANGES_APART: TimeDelta = TimeDelta::days(1);

/// What a local time means in a zone.
#[derive(Debug)]
enum Meaning {
    Once(DateTime<Utc>),
    Twice { first: DateTime<Utc>, second: DateTime<Utc> },
    Never { gap_end: DateTime<Utc>, gap: TimeDelta },
}

/// Returns the first due time of `expr` in `timezone` that is later than `after`.
pub(super) fn next_after(expr: &CronExpr, timezone: Timezone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let local = after.naive_utc().checked_add_offset(timezone.offset_at(after))?;
    let ahead = next_ahead(expr, timezone.tz(), after, local);
    if !expr.follows_elapsed_time() {
        return ahead.map(|(_, at)| at);
    }
    // With no change of the clock in between, no local time can have come round again. This spares most calls a look
    // into the zone's table.
    if let Some((then, at)) = ahead
        && at - after == then - local
        && at - after < CHANGES_APART
    {
        return Some(at);
    }
    let again = next_again(expr, timezone.tz(), after, local);
    again.into_iter().chain(ahead.map(|(_, at)| at)).min()
}

/// Returns the change of the clock that has to do with a due time `at`, when `before` is the one before or an instant since
/// then.
pub(super) fn change_between(
    expr: &CronExpr,
    timezone: Timezone,
    before: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Option<ClockChange> {
    let tz = timezone.tz();
    let (from, local) = (timezone.to_local(before), timezone.to_local(at));
    if let Meaning::Twice { first, second } = meaning(tz, local)? {
        let effect = match (expr.follows_elapsed_time(), at == first) {
            (false, _) => Effect::FirstTimeOnly,
            (true, true) => Effect::FirstPass,
            (true, false) => Effect::SecondPass,
        };
        return ClockChange::within(timezone, first, second, effect);
    }
    // What the calendar has between the two and no due time came of lies in a gap.
    let mut then = from;
    loop {
        then = expr.set().next_after(then, local.year()).filter(|then| *then < local)?;
        if let Meaning::Never { gap_end, gap } = meaning(tz, then)? {
            let made_up = gap_end == at && !expr.follows_elapsed_time() && gap < CORRECTION;
            let effect = if made_up { Effect::MadeUp } else { Effect::LeftOut };
            return ClockChange::within(timezone, gap_end.checked_sub_signed(TimeDelta::seconds(1))?, gap_end, effect);
        }
    }
}

/// Walks the local calendar forward from `local`, and returns the first match that is later than `after`, with its
/// local time.
///
/// A local time that is passed over lies in one gap or one repeat, so there are few, and the calendar's horizon bounds
/// them.
fn next_ahead(
    expr: &CronExpr,
    tz: Tz,
    after: DateTime<Utc>,
    local: NaiveDateTime,
) -> Option<(NaiveDateTime, DateTime<Utc>)> {
    let follows_elapsed = expr.follows_elapsed_time();
    let last_year = local.year() + HORIZON_YEARS;
    let mut then = local;
    loop {
        then = expr.set().next_after(then, last_year)?;
        let at = match meaning(tz, then)? {
            Meaning::Once(at) => at,
            Meaning::Twice { first, second } if follows_elapsed && first <= after => second,
            Meaning::Twice { first, .. } => first,
            Meaning::Never { gap, .. } if follows_elapsed || gap >= CORRECTION => continue,
            Meaning::Never { gap_end, .. } => gap_end,
        };
        if at > after {
            return Some((then, at));
        }
    }
}

/// Returns the first match among the local times up to `local` that come round again, when `after` lies in the first
/// pass of a repeat.
fn next_again(expr: &CronExpr, tz: Tz, after: DateTime<Utc>, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let repeat = match meaning(tz, local)? {
        Meaning::Twice { first, second } if first == after => second - first,
        _ => return None,
    };
    // The repeat began less than its own length ago.
    let mut then = local.checked_sub_signed(repeat)?;
    loop {
        then = expr.set().next_after(then, local.year())?;
        if then > local {
            return None;
        }
        if let Meaning::Twice { second, .. } = meaning(tz, then)? {
            return Some(second);
        }
    }
}

/// Returns what a local time means, or none beyond the ends of chrono's calendar.
fn meaning(tz: Tz, local: NaiveDateTime) -> Option<Meaning> {
    let minus = |offset: &<Tz as TimeZone>::Offset| local.checked_sub_offset(offset.fix()).map(|utc| utc.and_utc());
    match tz.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) => minus(&offset).map(Meaning::Once),
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (minus(&one)?, minus(&other)?);
            Some(Meaning::Twice { first: one.min(other), second: one.max(other) })
        }
        LocalResult::None => {
            let (gap_start, before) = GapInfo::new(&local, &tz)?.begin?;
            let gap_end = gap_start.checked_sub_offset(before.fix())?.and_utc();
            let new_offset = tz.offset_from_utc_datetime(&gap_end.naive_utc()).fix();
            let seconds = new_offset.local_minus_utc() - before.fix().local_minus_utc();
            Some(Meaning::Never { gap_end, gap: TimeDelta::seconds(i64::from(seconds)) })
        }
    }
}
