//! The calendar of one cron expression: five bit masks, and the search for the next minute that they all accept.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

/// The dates that a day rule picks repeat after 28 years, or after 40 across a year such as 2100 that is not a leap
/// year although it divides by four. A search that has found nothing for so long will find nothing later.
pub(super) const HORIZON_YEARS: i32 = 40;

/// The minutes, hours and days that an expression accepts, on the local calendar and without any time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CronSet {
    /// Bit n is minute n.
    pub(super) minutes: u64,
    /// Bit n is hour n.
    pub(super) hours: u32,
    /// Bit n is day n of the month; bit 0 is never set.
    pub(super) days: u32,
    /// Bit n is month n; bit 0 is never set.
    pub(super) months: u16,
    /// Bit 0 is Sunday.
    pub(super) weekdays: u8,
    /// Whether one of the two day fields is enough. Otherwise both must accept a day.
    pub(super) either_day: bool,
}

impl CronSet {
    /// Returns the first accepted minute that is later than `local`, looking no further than the end of `last_year`.
    pub(super) fn next_after(&self, local: NaiveDateTime, last_year: i32) -> Option<NaiveDateTime> {
        let minute_start = local
            - TimeDelta::nanoseconds(i64::from(local.nanosecond()))
            - TimeDelta::seconds(i64::from(local.second()));
        self.next_from(minute_start.checked_add_signed(TimeDelta::minutes(1))?, last_year)
    }

    /// Returns the first accepted minute that is not earlier than `from`, which must be a whole minute.
    pub(super) fn next_from(&self, from: NaiveDateTime, last_year: i32) -> Option<NaiveDateTime> {
        let date = from.date();
        let (mut year, mut month) = (date.year(), date.month());
        let first_weekday = (date.weekday().num_days_from_sunday() + 35 - (date.day() - 1)) % 7;
        let days = self.days_of(year, month, first_weekday);
        if days >> date.day() & 1 == 1
            && let Some(found) = self.later_today(date, from.hour(), from.minute())
        {
            return Some(found);
        }
        // Shifting by one more than the day leaves the later days only; day 31 shifts by 32, hence the wider type.
        let mut later = u64::from(days) >> (date.day() + 1) << (date.day() + 1);
        while later == 0 {
            let following = u32::from(self.months) >> (month + 1);
            if following == 0 {
                (year, month) = (year + 1, self.months.trailing_zeros());
            } else {
                month += 1 + following.trailing_zeros();
            }
            if year > last_year {
                return None;
            }
            let first_weekday = NaiveDate::from_ymd_opt(year, month, 1)?.weekday().num_days_from_sunday();
            later = u64::from(self.days_of(year, month, first_weekday));
        }
        NaiveDate::from_ymd_opt(year, month, later.trailing_zeros())?.and_hms_opt(
            self.hours.trailing_zeros(),
            self.minutes.trailing_zeros(),
            0,
        )
    }

    /// Returns the first accepted minute of `date` that is not earlier than `hour`:`minute`.
    fn later_today(&self, date: NaiveDate, hour: u32, minute: u32) -> Option<NaiveDateTime> {
        if self.hours >> hour & 1 == 1 {
            let minutes = self.minutes >> minute;
            if minutes != 0 {
                return date.and_hms_opt(hour, minute + minutes.trailing_zeros(), 0);
            }
        }
        let hours = self.hours >> (hour + 1);
        if hours == 0 {
            return None;
        }
        date.and_hms_opt(hour + 1 + hours.trailing_zeros(), self.minutes.trailing_zeros(), 0)
    }

    /// Returns the accepted days of one month, bit n for day n. `first_weekday` is that of its first day, Sunday is 0.
    fn days_of(&self, year: i32, month: u32, first_weekday: u32) -> u32 {
        if self.months >> month & 1 == 0 {
            return 0;
        }
        // The week's seven bits written six times over cover every month whichever weekday it starts with.
        const EVERY_WEEK: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28 | 1 << 35;
        let weekdays = (u64::from(self.weekdays) * EVERY_WEEK) >> first_weekday;
        let by_weekday = (weekdays << 1) as u32;
        let chosen = match self.either_day {
            true => self.days | by_weekday,
            false => self.days & by_weekday,
        };
        let existing = (u64::MAX >> (63 - month_length(year, month))) as u32 & !1;
        chosen & existing
    }
}

fn month_length(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
