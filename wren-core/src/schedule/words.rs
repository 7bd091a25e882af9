//! An expression in English.

use super::calendar::CronSet;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Clock times are listed one by one up to this many.
const MOST_TIMES: usize = 6;

/// Returns when a set is due.
pub(super) fn of(set: &CronSet) -> String {
    let parts = [time(set), days(set), months(set)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn time(set: &CronSet) -> Option<String> {
    let minutes = values(set.minutes, 0, 59);
    let hours = values(set.hours.into(), 0, 23);
    let every_hour = hours.len() == 24;
    let text = match (repeated(&minutes, 60), every_hour) {
        (Some(1), true) => "every minute".to_owned(),
        (Some(step), true) => format!("every {step} minutes"),
        (Some(1), false) => format!("every minute of {}", of_hours(&hours)),
        (Some(step), false) => format!("every {step} minutes of {}", of_hours(&hours)),
        (None, true) if minutes == [0] => "every hour, on the hour".to_owned(),
        (None, true) => format!("at {} of every hour", of_minutes(&minutes)),
        (None, false) if minutes.len() * hours.len() <= MOST_TIMES => {
            let times =
                hours.iter().flat_map(|hour| minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}")));
            format!("at {}", listed(&times.collect::<Vec<_>>(), "and"))
        }
        (None, false) => format!("at {} of {}", of_minutes(&minutes), of_hours(&hours)),
    };
    Some(text)
}

fn of_minutes(minutes: &[u32]) -> String {
    let noun = if minutes.len() == 1 { "minute" } else { "minutes" };
    format!("{noun} {}", numbers(minutes))
}

fn of_hours(hours: &[u32]) -> String {
    match (repeated(hours, 24), hours.len()) {
        (Some(step), _) => format!("every {} hour", ordinal(step)),
        (None, 1) => format!("hour {}", hours[0]),
        (None, _) => format!("the hours {}", numbers(hours)),
    }
}

fn days(set: &CronSet) -> Option<String> {
    let dates = values(set.days.into(), 1, 31);
    // Sunday last, as 7: `fri-sun` is then a range.
    let weekdays = values(u64::from(set.weekdays) | u64::from(set.weekdays & 1) << 7, 1, 7);
    let (all_dates, all_weekdays) = (dates.len() == 31, weekdays.len() == 7);
    let by_date = format!("on {} {} of the month", if dates.len() == 1 { "day" } else { "days" }, numbers(&dates));
    let by_weekday = format!("on {}", named(&weekdays, |day| WEEKDAYS[day as usize - 1]));
    match (all_dates, all_weekdays) {
        (true, true) => None,
        // With either field enough, one that takes every day is all there is to say.
        (true, false) | (false, true) if set.either_day => None,
        (true, false) => Some(by_weekday),
        (false, true) => Some(by_date),
        (false, false) if set.either_day => Some(format!("{by_date} as well as {by_weekday}")),
        (false, false) => Some(format!(
            "{by_date} if that is a {}",
            listed(&names(&weekdays, |day| WEEKDAYS[day as usize - 1]), "or")
        )),
    }
}

fn months(set: &CronSet) -> Option<String> {
    let months = values(set.months.into(), 1, 12);
    (months.len() < 12).then(|| format!("in {}", named(&months, |month| MONTHS[month as usize - 1])))
}

fn values(mask: u64, low: u32, high: u32) -> Vec<u32> {
    (low..=high).filter(|value| mask >> value & 1 == 1).collect()
}

/// Returns the step of values that go on evenly across the end of their field, `count` values long.
fn repeated(values: &[u32], count: u32) -> Option<u32> {
    let step = count / values.len() as u32;
    let even = values.iter().zip(0..).all(|(value, place)| *value == place * step);
    (values.len() > 1 && even && step * values.len() as u32 == count).then_some(step)
}

/// Returns numbers as a range, as an even series, or one by one.
fn numbers(values: &[u32]) -> String {
    if let [first, second, .., last] = values {
        let step = second - first;
        if values.windows(2).all(|pair| pair[1] - pair[0] == step) {
            match step {
                1 => return format!("{first} to {last}"),
                _ if values.len() > 3 => return format!("{first}, {second}, … {last}"),
                _ => {}
            }
        }
    }
    listed(&values.iter().map(u32::to_string).collect::<Vec<_>>(), "and")
}

/// Returns names as a range or one by one.
fn named(values: &[u32], name: impl Fn(u32) -> &'static str) -> String {
    if let [first, _, .., last] = values
        && (last - first) as usize == values.len() - 1
    {
        return format!("{} to {}", name(*first), name(*last));
    }
    listed(&names(values, name), "and")
}

fn names(values: &[u32], name: impl Fn(u32) -> &'static str) -> Vec<String> {
    values.iter().map(|value| name(*value).to_owned()).collect()
}

fn listed(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., end] => format!("{} {last} {end}", init.join(", ")),
    }
}

fn ordinal(number: u32) -> String {
    match number {
        2 => "2nd".to_owned(),
        3 => "3rd".to_owned(),
        _ => format!("{number}th"),
    }
}

#[cfg(test)]
mod tests {
    use crate::schedule::CronExpr;

    #[test]
    fn an_expression_is_said_in_english() {
        for (expression, words) in [
            ("* * * * *", "every minute"),
            ("*/15 * * * *", "every 15 minutes"),
            ("*/15 9-17 * * mon-fri", "every 15 minutes of the hours 9 to 17 on Monday to Friday"),
            ("* 9 * * *", "every minute of hour 9"),
            ("0 * * * *", "every hour, on the hour"),
            ("5 * * * *", "at minute 5 of every hour"),
            ("5,35 * * * *", "at minutes 5 and 35 of every hour"),
            ("*/7 * * * *", "at minutes 0, 7, … 56 of every hour"),
            ("0 9 * * *", "at 09:00"),
            ("0 9,17 * * *", "at 09:00 and 17:00"),
            ("0,30 8,12,16 * * *", "every 30 minutes of the hours 8, 12 and 16"),
            ("5,30 8,12,16 * * *", "at 08:05, 08:30, 12:05, 12:30, 16:05 and 16:30"),
            ("0 */2 * * *", "at minute 0 of every 2nd hour"),
            ("15 */8 * * *", "at 00:15, 08:15 and 16:15"),
            ("10-20 0-3 * * *", "at minutes 10 to 20 of the hours 0 to 3"),
            ("0 9 * * mon-fri", "at 09:00 on Monday to Friday"),
            ("0 9 * * 6,7", "at 09:00 on Saturday and Sunday"),
            ("0 9 1 * *", "at 09:00 on day 1 of the month"),
            ("0 9 1,15 * *", "at 09:00 on days 1 and 15 of the month"),
            ("0 9 */10 * *", "at 09:00 on days 1, 11, … 31 of the month"),
            ("0 9 * * fri-7", "at 09:00 on Friday to Sunday"),
            ("0 0 13 * fri", "at 00:00 on day 13 of the month as well as on Friday"),
            ("0 0 */13 * fri", "at 00:00 on days 1, 14 and 27 of the month if that is a Friday"),
            ("0 0 1-31 * fri", "at 00:00"),
            ("0 0 1 1,7 *", "at 00:00 on day 1 of the month in January and July"),
            ("0 0 * jun-aug *", "at 00:00 in June to August"),
            ("@weekly", "at 00:00 on Sunday"),
        ] {
            assert_eq!(CronExpr::parse(expression).unwrap().describe(), words, "{expression}");
        }
    }
}
