//! Schedules in no form of cron at all: those of AWS, times of day, periods and words. What was meant is told all the same.

use super::cron_expr::CronExpr;
use super::duration::parse_duration;

/// No schedule that somebody says in words is longer; what is, is not worth reading twice.
const LONGEST_BYTES: usize = 64;

/// Returns what to write instead of a text, when it is plain what it says.
pub(super) fn meant(text: &str) -> Option<String> {
    if text.len() > LONGEST_BYTES {
        return None;
    }
    let text = text.trim().to_ascii_lowercase();
    let inside = |name: &str| text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')').map(str::trim);
    if let Some(expr) = inside("cron") {
        return of_aws(expr);
    }
    let period = inside("rate").or_else(|| text.strip_prefix("@every")).or_else(|| text.strip_prefix("every"));
    if let Some(period) = period_of(period.unwrap_or(&text)) {
        return Some(format!("for a period write `every=\"{period}\"` instead of an expression"));
    }
    if let Some(expr) = nickname(&text) {
        return Some(format!("did you mean `{expr}`?"));
    }
    let day = day_of(&text)?;
    let (hour, minute) = text.split_whitespace().rev().find_map(time)?;
    Some(format!("did you mean `{minute} {hour} * * {day}`?"))
}

/// AWS writes the year, and `?` in one of the day fields.
fn of_aws(expr: &str) -> Option<String> {
    let fields: Vec<&str> =
        expr.split_whitespace().take(5).map(|field| if field == "?" { "*" } else { field }).collect();
    let weekday = fields.last()?.bytes().any(|byte| byte.is_ascii_digit());
    let expr = CronExpr::parse(&fields.join(" ")).ok()?;
    let caution = if weekday { " (weekdays: 0 is sunday, 1 is monday)" } else { "" };
    Some(format!("write the five fields only: did you mean `{expr}`?{caution}"))
}

/// Reads `5m`, `5 minutes`, `minute` and `other hour`; returns it as `every` takes it.
fn period_of(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (number, unit) = match words.as_slice() {
        [one] if parse_duration(one).is_ok() => return Some((*one).to_owned()),
        [unit] => ("1", *unit),
        [number, unit] => (*number, *unit),
        _ => return None,
    };
    number.parse::<u32>().ok()?;
    let letter = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" | "sec" => 's',
        "minute" | "min" => 'm',
        "hour" | "hr" => 'h',
        "day" if number != "1" => 'd',
        "week" if number != "1" => 'w',
        _ => return None,
    };
    Some(format!("{number}{letter}"))
}

fn nickname(text: &str) -> Option<&'static str> {
    match text.strip_prefix("every ").unwrap_or(text).trim() {
        "hourly" => Some("@hourly"),
        "daily" | "day" | "midnight" => Some("@daily"),
        "weekly" | "week" => Some("@weekly"),
        "monthly" | "month" => Some("@monthly"),
        "yearly" | "annually" | "year" => Some("@yearly"),
        _ => None,
    }
}

/// Returns the field of the weekday; `*` where none is named, and nothing where there are words that say more.
fn day_of(text: &str) -> Option<&str> {
    let mut day = "*";
    for word in text.split_whitespace() {
        let word = word.trim_end_matches(',');
        match word.strip_suffix('s').unwrap_or(word) {
            "every" | "each" | "day" | "daily" | "at" | "on" | "am" | "pm" => {}
            "weekday" => day = "mon-fri",
            "weekend" => day = "sat,sun",
            "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday" => day = &word[..3],
            _ if time(word).is_some() => {}
            _ => return None,
        }
    }
    Some(day)
}

/// Reads `9:30`, `09:30`, `9am` and `9:30pm` into hour and minute.
fn time(word: &str) -> Option<(u32, u32)> {
    let (clock, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (word, None),
    };
    let (hour, minute) = match clock.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?),
        None if half.is_some() => (clock.parse().ok()?, 0),
        _ => return None,
    };
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// Reads a single word of an expression that may be a time of day.
pub(super) fn hour_of(word: &str) -> Option<String> {
    let (hour, minute) = time(&word.to_ascii_lowercase())?;
    Some(match minute {
        0 => format!("did you mean `{hour}`?"),
        _ => format!("the hour is `{hour}`, and the minute `{minute}` is the field before it"),
    })
}

#[cfg(test)]
mod tests {
    use super::{hour_of, meant};

    #[test]
    fn what_is_said_in_another_form_is_told_in_cron() {
        for (text, hint) in [
            ("cron(0 9 * * ? *)", "did you mean `0 9 * * *`?"),
            ("cron(0 9 ? * MON-FRI *)", "did you mean `0 9 * * mon-fri`?"),
            ("cron(0 9 ? * 2 *)", "did you mean `0 9 * * 2`? (weekdays: 0 is sunday"),
            ("rate(5 minutes)", "`every=\"5m\"`"),
            ("rate(1 hour)", "`every=\"1h\"`"),
            ("@every 1h30m", "`every=\"1h30m\"`"),
            ("Every 15 Minutes", "`every=\"15m\"`"),
            ("every hour", "`every=\"1h\"`"),
            ("15m", "`every=\"15m\"`"),
            ("09:00", "did you mean `0 9 * * *`?"),
            ("9:30pm", "did you mean `30 21 * * *`?"),
            ("12am", "did you mean `0 0 * * *`?"),
            ("every day at 9am", "did you mean `0 9 * * *`?"),
            ("weekdays at 08:15", "did you mean `15 8 * * mon-fri`?"),
            ("every Monday at 9:00", "did you mean `0 9 * * mon`?"),
            ("daily", "did you mean `@daily`?"),
            ("every month", "did you mean `@monthly`?"),
        ] {
            let found = meant(text).unwrap_or_default();
            assert!(found.contains(hint), "{text}: {found}");
        }
    }

    #[test]
    fn what_says_more_than_that_is_left_alone() {
        for text in ["", "first monday at 9am", "25:00", "13pm", "tomorrow", "every", "cron()", &"1 ".repeat(100)] {
            assert_eq!(meant(text), None, "{text}");
        }
    }

    #[test]
    fn an_hour_of_a_clock_is_told_as_a_number() {
        assert_eq!(hour_of("9am").as_deref(), Some("did you mean `9`?"));
        assert!(hour_of("9:30").is_some_and(|hint| hint.contains("`30`")));
        assert_eq!(hour_of("nine"), None);
    }
}
