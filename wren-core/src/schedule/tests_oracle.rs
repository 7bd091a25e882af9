//! An oracle for cron expressions, which shares nothing with the parser and the calendar, and the claims that need it.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};
use proptest::prelude::*;

use super::{CronErrorKind, CronExpr, Schedule, Timezone};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A clerk who follows crontab(5) to the letter: one yes or no for each value of each field.
pub(super) struct Clerk {
    fields: [Vec<bool>; 5],
    both_days: bool,
    /// Whether cron(8) counts the job among those that a clock change does not concern.
    pub(super) follows_elapsed: bool,
}

impl Clerk {
    /// Reads an expression of numbers.
    pub(super) fn new(expr: &str) -> Self {
        let fields: Vec<&str> = expr.split(' ').collect();
        let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let starred = |field: usize| fields[field].starts_with('*');
        Self {
            fields: std::array::from_fn(|field| Self::values(fields[field], bounds[field])),
            both_days: starred(2) || starred(4),
            follows_elapsed: starred(0) || starred(1),
        }
    }

    fn values(field: &str, (low, high): (usize, usize)) -> Vec<bool> {
        let mut accepted = vec![false; high + 1];
        for entry in field.split(',') {
            let (range, step) = entry.split_once('/').unwrap_or((entry, "1"));
            let (from, to) = match range.split_once('-') {
                Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
                None if range == "*" => (low, high),
                None => (range.parse().unwrap(), range.parse().unwrap()),
            };
            for value in (from..=to).step_by(step.parse().unwrap()) {
                accepted[value] = true;
            }
        }
        accepted
    }

    /// Says whether the job is due when a clock shows this minute.
    pub(super) fn accepts(&self, shown: NaiveDateTime) -> bool {
        let [minutes, hours, days, months, weekdays] = &self.fields;
        if !minutes[shown.minute() as usize] || !hours[shown.hour() as usize] {
            return false;
        }
        let weekday = shown.weekday().num_days_from_sunday() as usize;
        let by_day = days[shown.day() as usize];
        let by_weekday = weekdays[weekday] || weekday == 0 && weekdays[7];
        months[shown.month() as usize]
            && match self.both_days {
                true => by_day && by_weekday,
                false => by_day || by_weekday,
            }
    }
}

fn any_entry(low: u32, high: u32) -> impl Strategy<Value = String> {
    let range = (low..=high, low..=high).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let step = 1..=(high - low);
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => step.clone().prop_map(|step| format!("*/{step}")),
        4 => (low..=high).prop_map(|value| value.to_string()),
        2 => range.clone().prop_map(|(a, b)| format!("{a}-{b}")),
        2 => (range, step).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
    ]
}

fn any_field(low: u32, high: u32) -> impl Strategy<Value = String> {
    prop::collection::vec(any_entry(low, high), 1..4).prop_map(|entries| entries.join(","))
}

/// Expressions of numbers, which the oracle can read.
pub(super) fn any_expr() -> impl Strategy<Value = String> {
    (any_field(0, 59), any_field(0, 23), any_field(1, 31), any_field(1, 12), any_field(0, 7))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn fires_are_those_of_a_minute_by_minute_search(
        expr in any_expr(),
        day in 0_i64..20_000,
        second in 0_i64..86_400,
    ) {
        let Ok(parsed) = CronExpr::parse(&expr) else {
            // The one fault that numbers within their ranges can have.
            prop_assert_eq!(CronExpr::parse(&expr).unwrap_err().kind, CronErrorKind::NeverFires);
            return Ok(());
        };
        let clerk = Clerk::new(&expr);
        let after = utc("2000-01-01T00:00:00Z") + TimeDelta::seconds(day * 86_400 + second);
        let until = after + TimeDelta::days(62);
        let first_minute = after - TimeDelta::seconds(second % 60) + TimeDelta::minutes(1);
        let expected: Vec<_> = std::iter::successors(Some(first_minute), |at| Some(*at + TimeDelta::minutes(1)))
            .take_while(|at| *at <= until)
            .filter(|at| clerk.accepts(at.naive_utc()))
            .collect();
        let found: Vec<_> = Schedule::cron(parsed, Timezone::UTC)
            .upcoming(after)
            .take_while(|at| *at <= until)
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-0-9*,/?LW# a-z@\u{2013}\u{2a}é]{0,40}") {
        let errors = CronExpr::diagnose(&text);
        prop_assert_eq!(errors.is_empty(), CronExpr::parse(&text).is_ok());
        for error in errors {
            prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
            prop_assert!(!error.message.ends_with('.'));
        }
    }
}
