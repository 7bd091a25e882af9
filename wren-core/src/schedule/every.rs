//! The period of a repeating trigger.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration::{DurationError, MAX_DURATION, format_duration, parse_duration};

/// The period of a repeating trigger: whole seconds, at least one and at most [`MAX_DURATION`].
///
/// `Display` and serde write it canonically, so `90m` becomes `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Every(NonZeroU32);

impl Every {
    /// Reads a period, as [`parse_duration`] does.
    ///
    /// # Errors
    ///
    /// [`DurationError`] when the text is no duration, or one shorter than a second.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        Self::from_duration(parse_duration(text)?)
            .ok_or_else(|| DurationError::new(0..text.len(), "every must be at least 1s", "did you mean `1s` or `1m`?"))
    }

    /// Makes a period of whole seconds, or none when `period` is shorter than one or longer than [`MAX_DURATION`].
    /// Fractions of a second are dropped.
    pub fn from_duration(period: Duration) -> Option<Self> {
        if period > MAX_DURATION {
            return None;
        }
        let seconds = u32::try_from(period.as_secs()).ok()?;
        NonZeroU32::new(seconds).map(Self)
    }

    /// Returns the period.
    pub fn period(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.get()))
    }

    /// Returns the period in seconds.
    pub fn seconds(&self) -> u32 {
        self.0.get()
    }
}

impl FromStr for Every {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.period()))
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_at_least_a_second_and_written_canonically() {
        assert_eq!(Every::parse("0s").unwrap_err().message, "every must be at least 1s");
        for (text, written) in [("90m", "1h30m"), ("2w", "14d"), ("3600s", "1h"), ("1s", "1s")] {
            assert_eq!(Every::parse(text).unwrap().to_string(), written);
        }
        let every: Every = serde_json::from_str("\"PT90M\"").unwrap();
        assert_eq!(serde_json::to_string(&every).unwrap(), "\"1h30m\"");
        assert_eq!(format_duration(Duration::from_millis(999)), "0s");
    }
}
