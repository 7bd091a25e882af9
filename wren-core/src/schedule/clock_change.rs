//! What a change of the clock does to a due time, in words.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::timezone::Timezone;

/// What the change has to do with a due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It stands for times in the gap.
    MadeUp,
    /// Times in the gap before it are gone.
    LeftOut,
    /// Its local time comes again, and does not count again.
    FirstTimeOnly,
    /// Its local time comes again, and this is the first time.
    FirstPass,
    /// Its local time came before, and this is the second time.
    SecondPass,
}

/// A change of the clock that has to do with a due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockChange {
    /// What the clocks would have shown next.
    from: NaiveDateTime,
    /// What they showed instead.
    to: NaiveDateTime,
    effect: Effect,
}

impl ClockChange {
    /// Finds the one change that is later than `before` and not later than `after`, to the second.
    pub(super) fn within(
        timezone: Timezone,
        mut before: DateTime<Utc>,
        after: DateTime<Utc>,
        effect: Effect,
    ) -> Option<Self> {
        let (old, new) = (timezone.offset_at(before), timezone.offset_at(after));
        let mut at = after;
        while at - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((at - before).num_seconds() / 2);
            if timezone.offset_at(middle) == old {
                before = middle;
            } else {
                at = middle;
            }
        }
        let utc = at.naive_utc();
        Some(Self { from: utc.checked_add_offset(old)?, to: utc.checked_add_offset(new)?, effect })
    }
}

impl fmt::Display for ClockChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.from.date() == self.to.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        let (from, to) = (self.from.format(form), self.to.format(form));
        let (change, what) = match self.effect {
            Effect::MadeUp => (
                "go forward",
                "a time in between does not exist, and what was due then runs once, at the end of the gap",
            ),
            Effect::LeftOut => ("went forward", "the times in between do not exist"),
            Effect::FirstTimeOnly => ("go back", "this time comes twice, and runs the first time only"),
            Effect::FirstPass => ("go back", "the first of two passes"),
            Effect::SecondPass => ("go back", "the second of two passes"),
        };
        write!(formatter, "the clocks {change} from {from} to {to}: {what}")
    }
}
