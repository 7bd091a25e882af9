//! How long what has happened is kept.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use wren_core::engine::EngineOptions;
use wren_core::schedule::{format_duration, parse_duration};

use crate::failure::Failure;

/// The longest time to keep something that is not for ever: a hundred years.
const MOST_DAYS: u32 = 36_500;

/// How long ended runs and what they printed are kept
#[derive(Debug, Clone, Args)]
pub(crate) struct RetentionArgs {
    /// How long ended runs are kept, as in 90d, or forever
    #[arg(long, env = "WREN_KEEP_RUNS", hide_env_values = true, value_name = "DURATION", default_value = "30d")]
    pub(crate) keep_runs: Keep,
    /// How long what ended runs printed is kept; as long as the runs without it, and never longer
    #[arg(long, env = "WREN_KEEP_LOGS", hide_env_values = true, value_name = "DURATION")]
    pub(crate) keep_logs: Option<Keep>,
}

impl RetentionArgs {
    /// Tells an engine.
    pub(crate) fn apply(&self, options: &mut EngineOptions) {
        options.retention_ms = self.keep_runs.millis();
        // What is kept as long as its run goes with it.
        options.log_retention_ms = self.keep_logs.filter(|logs| *logs != self.keep_runs).and_then(Keep::millis);
    }

    /// Refuses logs that would be kept longer than their runs.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let Self { keep_runs, keep_logs } = *self;
        let Some(keep_logs) = keep_logs.filter(|logs| logs.is_longer_than(keep_runs)) else { return Ok(()) };
        Err(Failure::usage(
            format!("--keep-logs {keep_logs} is longer than --keep-runs {keep_runs}: logs go with their runs"),
            "keep the runs as long, or the logs less long (WREN_KEEP_RUNS and WREN_KEEP_LOGS say the same)",
        ))
    }
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    For(Duration),
    Forever,
}

impl Keep {
    fn millis(self) -> Option<u64> {
        match self {
            Self::For(time) => Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            Self::Forever => None,
        }
    }

    fn is_longer_than(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Forever) => false,
            (Self::Forever, Self::For(_)) => true,
            (Self::For(this), Self::For(that)) => this > that,
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        // Years, which no schedule has as its period.
        let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()).filter(|days| *days <= MOST_DAYS);
        let time = match days {
            Some(days) => Duration::from_secs(u64::from(days) * 24 * 60 * 60),
            None => parse_duration(text).map_err(|error| format!("{error}, or `forever`"))?,
        };
        if time.is_zero() {
            return Err("nothing can be kept for no time: expected a duration, as 30d, or `forever`".to_owned());
        }
        Ok(Self::For(time))
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => formatter.write_str(&format_duration(*time)),
            Self::Forever => formatter.write_str("forever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(runs: &str, logs: Option<&str>) -> RetentionArgs {
        let keep_logs = logs.map(|text| text.parse().unwrap());
        RetentionArgs { keep_runs: runs.parse().unwrap(), keep_logs }
    }

    fn told(runs: &str, logs: Option<&str>) -> (Option<u64>, Option<u64>) {
        let mut options = EngineOptions::default();
        args(runs, logs).apply(&mut options);
        (options.retention_ms, options.log_retention_ms)
    }

    #[test]
    fn logs_are_kept_as_long_as_runs_unless_told_otherwise() {
        assert_eq!(told("1h", None), (Some(3_600_000), None));
        assert_eq!(told("1h", Some("60m")), (Some(3_600_000), None));
        assert_eq!(told("1h", Some("1m")), (Some(3_600_000), Some(60_000)));
        assert_eq!(told("forever", Some("1m")), (None, Some(60_000)));
        assert_eq!(told("forever", Some("forever")), (None, None));
    }

    #[test]
    fn logs_never_outlive_their_runs() {
        for (runs, logs) in [("1h", "2h"), ("1h", "forever")] {
            assert_eq!(args(runs, Some(logs)).check().unwrap_err().exit_code(), 2);
        }
        for (runs, logs) in [("1h", "1h"), ("forever", "2h"), ("forever", "forever")] {
            args(runs, Some(logs)).check().unwrap();
        }
    }

    #[test]
    fn a_time_to_keep_is_a_duration_or_for_ever() {
        for text in ["", "ever", "30", "-1d", "0s", "0d", "36501d"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
        for text in ["1h30m", "30d", "1000d", "forever"] {
            assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
        }
    }
}
