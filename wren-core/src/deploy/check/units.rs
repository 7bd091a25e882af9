//! Values with units: durations, sizes. One reader for decorators and for `[tool.wren]`.

use std::ops::Range;

use crate::schedule::{format_duration, parse_duration};
use crate::suggest::nearest;

/// Says why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deploy) struct Misfit {
    pub(in crate::deploy) message: String,
    pub(in crate::deploy) hint: Option<String>,
    /// The faulty part, in byte offsets of the value's text.
    pub(in crate::deploy) span: Option<Range<usize>>,
}

impl Misfit {
    pub(in crate::deploy) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, span: None }
    }

    /// Says what a key wants and what it got.
    pub(in crate::deploy) fn wants(key: &str, wanted: &str, got: &str) -> Self {
        Self::new(format!("{key} must be {wanted}, not {got}")).with_hint(format!("give `{key}` {wanted}"))
    }

    /// Replaces the hint by one that says more, if there is one.
    pub(in crate::deploy) fn with_hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into().or(self.hint);
        self
    }
}

/// Reads a duration into milliseconds.
pub(in crate::deploy) fn duration(key: &str, text: &str) -> Result<u64, Misfit> {
    match parse_duration(text) {
        Ok(duration) => Ok(duration.as_secs() * 1000),
        Err(error) => Err(Misfit {
            message: format!("{key} is not a duration: {}", error.message),
            hint: error.hint,
            span: Some(error.span),
        }),
    }
}

/// Reads a timeout into milliseconds: at least a second, at most what the platform allows.
pub(in crate::deploy) fn timeout(text: &str, max_ms: u64) -> Result<u64, Misfit> {
    let asked = duration("timeout", text)?;
    if asked == 0 {
        return Err(Misfit::new("timeout must be at least 1s").with_hint("did you mean `1m`?".to_owned()));
    }
    if asked > max_ms {
        let max = format_duration(std::time::Duration::from_millis(max_ms));
        return Err(Misfit::new(format!("timeout `{}` is over the platform's {max}", text.trim()))
            .with_hint(format!("ask for at most `{max}`, or do the work in several runs")));
    }
    Ok(asked)
}

/// Less than this holds no Python.
const LEAST_MEMORY: u64 = 16 * 1024 * 1024;

const SIZE_UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads a size into bytes, within what Python needs and what the platform allows.
pub(in crate::deploy) fn memory(text: &str, max_bytes: u64) -> Result<u64, Misfit> {
    let trimmed = text.trim();
    let digits = trimmed.len() - trimmed.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim();
    let wanted = || Misfit::wants("memory", "a size such as \"256MiB\"", &format!("`{trimmed}`"));
    let Ok(number) = number.parse::<u64>() else { return Err(wanted()) };
    let known = SIZE_UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit));
    let Some((_, factor)) = known else {
        let letter = unit.chars().next().map(|c| c.to_ascii_uppercase());
        let hint = match letter {
            Some(letter @ ('K' | 'M' | 'G')) => format!("did you mean `{number}{letter}iB`?"),
            _ => "the units are KiB, MiB, GiB".to_owned(),
        };
        return Err(wanted().with_hint(hint));
    };
    let bytes = number.saturating_mul(*factor);
    if bytes > max_bytes {
        let max = size(max_bytes);
        return Err(Misfit::new(format!("memory `{trimmed}` is over the platform's {max}"))
            .with_hint(format!("ask for at most `{max}`")));
    }
    if bytes < LEAST_MEMORY {
        let least = size(LEAST_MEMORY);
        return Err(Misfit::new(format!("memory `{trimmed}` is too little for Python"))
            .with_hint(format!("ask for at least `{least}`; `{number}` without a unit is bytes")));
    }
    Ok(bytes)
}

fn size(bytes: u64) -> String {
    let whole = SIZE_UNITS.iter().rfind(|(unit, factor)| unit.contains('i') && bytes.is_multiple_of(*factor));
    whole.map_or_else(|| format!("{bytes}B"), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

/// Guesses the durations that a bare number may stand for.
pub(in crate::deploy) fn seconds_hint(shown: &str) -> Option<String> {
    let number = shown.trim_matches('`');
    let whole = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    whole.then(|| format!("did you mean \"{number}s\" or \"{number}m\"?"))
}

/// Makes the hint for a word that is none of those known.
pub(in crate::deploy) fn meant(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", list(known)),
    }
}

/// A script may define a hundred thousand functions; nobody reads the list.
const MOST_LISTED: usize = 20;

/// Writes names as people read them: `a`, `b` and `c`.
pub(in crate::deploy) fn list(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_LISTED);
    let quoted: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
    let more = names.len() - quoted.len();
    if more > 0 {
        return format!("{} and {more} more", quoted.join(", "));
    }
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        let cap = 1 << 31;
        assert_eq!(memory("256MiB", cap), Ok(256 << 20));
        assert_eq!(memory("100 MB", cap), Ok(100_000_000));
        assert_eq!(memory("134217728", cap), Ok(128 << 20));
        assert_eq!(memory("256M", cap).unwrap_err().hint.unwrap(), "did you mean `256MiB`?");
        assert_eq!(memory("4GiB", cap).unwrap_err().hint.unwrap(), "ask for at most `2GiB`");
        assert!(memory("256", cap).unwrap_err().hint.unwrap().contains("at least `16MiB`"));
        assert!(memory("lots", cap).is_err());
        assert!(memory("99999999999999999999GiB", cap).is_err());
    }

    #[test]
    fn a_timeout_keeps_to_the_cap() {
        assert_eq!(timeout("5m", 3_600_000), Ok(300_000));
        assert!(timeout("2h", 3_600_000).unwrap_err().message.contains("over the platform's 1h"));
        assert!(timeout("0s", 3_600_000).is_err());
        assert_eq!(timeout("5min", 3_600_000).unwrap_err().span, Some(1..4));
    }
}
