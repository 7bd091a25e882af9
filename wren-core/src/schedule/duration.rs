//! Durations as people write them: `15m`, `1h30m`, `2d`, or ISO 8601's `PT15M`.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::cron_error::quoted;

/// The longest duration that is read, 366 days: what is longer than a year is a date, not a period.
pub const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);

/// The units from the longest to the shortest, in seconds. A day is always 24 hours, whatever the clocks do.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Says why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurationError {
    /// The faulty part, in byte offsets of the text that was given.
    pub span: Range<usize>,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// How to mend it, when there is a good guess.
    pub hint: Option<String>,
}

impl DurationError {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DurationError {}

/// Reads a duration of whole seconds, at most [`MAX_DURATION`].
///
/// A duration is numbers with units from the longest to the shortest, each unit once: `w`, `d`, `h`, `m`, `s`. ISO 8601
/// durations of weeks, days, hours, minutes and seconds are read too; those with months or years have no fixed length
/// and are refused.
///
/// # Errors
///
/// [`DurationError`] with the place of the first fault.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    if trimmed.is_empty() {
        return Err(DurationError::new(0..text.len(), "the duration is empty", "write it like `15m` or `1h30m`"));
    }
    let whole = start..start + trimmed.len();
    let seconds = match trimmed.strip_prefix('P') {
        Some(iso) => parse_iso(iso, start + 1, &whole)?,
        None => parse_units(trimmed, start, UNITS.map(|(unit, _)| unit).as_slice())?,
    };
    if seconds > MAX_DURATION.as_secs() {
        return Err(DurationError::new(
            whole,
            format!("{} is longer than 366 days", quoted(trimmed)),
            "use a cron expression for what happens once a year",
        ));
    }
    Ok(Duration::from_secs(seconds))
}

/// Writes a duration so that [`parse_duration`] reads it back: `1h30m`. Fractions of a second are dropped.
pub fn format_duration(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut text = String::new();
    // Weeks are read but not written: `10d` says more than `1w3d`.
    for (unit, length) in UNITS.into_iter().skip(1) {
        if left >= length {
            text.push_str(&(left / length).to_string());
            text.push(unit);
            left %= length;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

fn parse_iso(text: &str, start: usize, whole: &Range<usize>) -> Result<u64, DurationError> {
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let time_start = start + date.len() + 1;
    if time.is_empty() && (date.is_empty() || text.contains('T')) {
        return Err(DurationError::new(whole.clone(), "the duration has no number", "write it like `PT15M` or `15m`"));
    }
    if let Some(place) = date.find(['Y', 'M']) {
        return Err(DurationError::new(
            start + place..start + place + 1,
            "months and years have no fixed length",
            "use a cron expression, or `PT…M` for minutes",
        ));
    }
    let mut seconds = 0;
    for (part, start, units) in [(date, start, ['w', 'd'].as_slice()), (time, time_start, &['h', 'm', 's'])] {
        if !part.is_empty() {
            seconds = parse_units(&part.to_ascii_lowercase(), start, units)?.saturating_add(seconds);
        }
    }
    Ok(seconds)
}

/// Reads numbers with units of `allowed`, which is ordered from the longest to the shortest. Saturates.
fn parse_units(text: &str, start: usize, mut allowed: &[char]) -> Result<u64, DurationError> {
    let mut seconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let at = start + text.len() - rest.len();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let word = tail.len() - tail.trim_start_matches(char::is_alphabetic).len();
        let (unit, tail) = tail.split_at(word);
        if number.is_empty() {
            return Err(no_number(text, start, at, rest));
        }
        let unit_at = at + number.len()..at + number.len() + unit.len();
        let place = single(unit).and_then(|unit| allowed.iter().position(|known| *known == unit));
        let Some(place) = place else {
            return Err(bad_unit(number, unit, unit_at, tail, at));
        };
        let length = UNITS.iter().find(|(known, _)| *known == allowed[place]).map_or(0, |(_, length)| *length);
        // A number too large for 64 bits is too long in any case; the caller says so.
        let amount = number.parse::<u64>().unwrap_or(u64::MAX);
        seconds = seconds.saturating_add(amount.saturating_mul(length));
        allowed = &allowed[place + 1..];
        rest = tail;
    }
    Ok(seconds)
}

fn single(unit: &str) -> Option<char> {
    let mut characters = unit.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn no_number(text: &str, start: usize, at: usize, rest: &str) -> DurationError {
    let end = at + rest.chars().next().map_or(0, char::len_utf8);
    let hint = match rest.chars().next() {
        Some('-') => "a duration is never negative",
        Some(' ') => "write it without spaces, like `1h30m`",
        Some('*' | '@') => "this looks like cron: give it as the cron expression instead",
        _ => "write it like `15m` or `1h30m`",
    };
    debug_assert!(end <= start + text.len());
    DurationError::new(at..end, format!("{} has no number where one is due", quoted(text)), hint)
}

/// Reads the unit of `15 minutes`, where nothing stands behind it.
fn spoken_unit(text: &str) -> Option<char> {
    let word = text.trim().to_lowercase();
    let known = ["weeks", "days", "hours", "hrs", "minutes", "mins", "seconds", "secs"];
    let is_known = known.iter().any(|known| word == *known || known.strip_suffix('s') == Some(word.as_str()));
    word.chars().next().filter(|_| is_known)
}

fn bad_unit(number: &str, unit: &str, span: Range<usize>, tail: &str, at: usize) -> DurationError {
    if unit.is_empty() {
        let whole = at..span.end;
        if tail.starts_with('.') || tail.starts_with(',') {
            return DurationError::new(whole, "a duration has no fractions", "write `1h30m` instead of `1.5h`");
        }
        if tail.starts_with(' ') {
            let hint = match spoken_unit(tail) {
                Some(unit) => format!("did you mean `{number}{unit}`?"),
                None => "write it like `15m` or `1h30m`".to_owned(),
            };
            return DurationError::new(whole, "a duration has no spaces", hint);
        }
        let hint = format!("did you mean `{number}s` or `{number}m`?");
        return DurationError::new(whole, format!("{} has no unit", quoted(number)), hint);
    }
    let lower = unit.to_lowercase();
    let hint = match lower.chars().next() {
        Some('m') if lower.starts_with("mo") => "months have no fixed length: use a cron expression".to_owned(),
        Some('m') if lower.starts_with("ms") || lower.starts_with("mil") => {
            "the shortest unit is the second".to_owned()
        }
        Some('y') => "years have no fixed length: use a cron expression".to_owned(),
        Some(first) if single(unit).is_some() && UNITS.iter().any(|(known, _)| known.to_string() == unit) => {
            format!("each unit comes once, from the longest to the shortest: `{first}` stands too late")
        }
        Some(first) if UNITS.iter().any(|(known, _)| *known == first) => {
            format!("did you mean `{number}{first}`?")
        }
        _ => "the units are w, d, h, m, s".to_owned(),
    };
    DurationError::new(span, format!("{} is not a unit that fits here", quoted(unit)), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> u64 {
        parse_duration(text).unwrap().as_secs()
    }

    fn fault(text: &str) -> (String, String, Range<usize>) {
        let error = parse_duration(text).unwrap_err();
        (error.message, error.hint.unwrap_or_default(), error.span)
    }

    #[test]
    fn units_add_up_from_the_longest_to_the_shortest() {
        assert_eq!(seconds("15s"), 15);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds(" 1h30m "), 5_400);
        assert_eq!(seconds("2d"), 172_800);
        assert_eq!(seconds("2w"), 1_209_600);
        assert_eq!(seconds("1w2d3h4m5s"), 788_645);
        assert_eq!(seconds("366d"), 366 * 86_400);
    }

    #[test]
    fn iso_8601_is_read_too() {
        assert_eq!(seconds("PT15M"), 900);
        assert_eq!(seconds("P1DT12H"), 129_600);
        assert_eq!(seconds("P2W"), 1_209_600);
        for text in ["P", "PT", "P1DT", "P1M", "P1Y", "PT1D", "P1H", "PT5"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_faulty_duration_says_what_to_write() {
        assert_eq!(fault("15").1, "did you mean `15s` or `15m`?");
        assert_eq!(fault("15min").1, "did you mean `15m`?");
        assert_eq!(fault("15min").2, 2..5);
        assert_eq!(fault("1.5h").0, "a duration has no fractions");
        assert_eq!(fault("500ms").1, "the shortest unit is the second");
        assert!(fault("30m1h").1.contains("from the longest to the shortest"));
        assert!(fault("1m1m").1.contains("each unit comes once"));
        assert!(fault("1mo").1.contains("cron"));
        assert!(fault("-5m").1.contains("never negative"));
        assert!(fault("*/5 * * * *").1.contains("cron"));
        assert!(fault("1h 30m").1.contains("without spaces"));
        assert!(fault("367d").0.contains("366 days"));
        assert!(fault("99999999999999999999999s").0.contains("366 days"));
        assert!(fault("").0.contains("empty"));
        assert!(fault("五m").1.contains("15m"));
    }
}
