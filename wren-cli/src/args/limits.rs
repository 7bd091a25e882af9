//! How much owners may have and use, and keys may ask.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use wren_core::OwnerId;
use wren_core::quota::{Limit, Quotas};
use wren_http::{RateLimit, TrustedProxy};

use super::DataArgs;

/// What each owner may have and use unless `wren quotas set` says otherwise, and how much a key may ask
#[derive(Debug, Clone, Args)]
pub(crate) struct LimitArgs {
    /// How many deployments an owner may have; no limit without it, as with the other quotas
    #[arg(long, env = "WREN_QUOTA_DEPLOYMENTS", hide_env_values = true, value_name = "N")]
    pub(crate) quota_deployments: Option<u64>,
    /// How many triggers an owner's deployments may have together
    #[arg(long, env = "WREN_QUOTA_TRIGGERS", hide_env_values = true, value_name = "N")]
    pub(crate) quota_triggers: Option<u64>,
    /// How many runs of an owner may be queued in a day of UTC; due times beyond it are recorded as skipped
    #[arg(long, env = "WREN_QUOTA_RUNS_PER_DAY", hide_env_values = true, value_name = "N")]
    pub(crate) quota_runs_per_day: Option<u64>,
    /// How much an owner's runs may print in a day of UTC, as in 100MiB; lines beyond it are dropped under a mark
    #[arg(long, env = "WREN_QUOTA_LOG_BYTES_PER_DAY", hide_env_values = true, value_name = "SIZE", value_parser = size)]
    pub(crate) quota_log_bytes_per_day: Option<u64>,
    /// How many requests a key may send, as in 600/min, a sixth of it at once; or unlimited
    #[arg(long, env = "WREN_RATE_LIMIT", hide_env_values = true, value_name = "N/min", default_value = "600/min")]
    pub(crate) rate_limit: RateChoice,
    /// A proxy before this server, or a network of them, whose X-Forwarded-For says where requests come from
    #[arg(
        long,
        env = "WREN_TRUSTED_PROXIES",
        hide_env_values = true,
        value_name = "ADDRESS|CIDR",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxy: Vec<TrustedProxy>,
}

impl LimitArgs {
    /// Returns the quotas.
    pub(crate) fn quotas(&self) -> Quotas {
        let mut quotas = Quotas::default();
        quotas.deployments = self.quota_deployments;
        quotas.triggers = self.quota_triggers;
        quotas.runs_per_day = self.quota_runs_per_day;
        quotas.log_bytes_per_day = self.quota_log_bytes_per_day;
        quotas
    }
}

/// A rate, as `--rate-limit` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateChoice(pub(crate) Option<RateLimit>);

impl FromStr for RateChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self(None));
        }
        let number = text.strip_suffix("/min").and_then(|number| number.trim().parse().ok());
        let number = number.filter(|number: &u32| *number > 0);
        number
            .map(|number| Self(Some(RateLimit::per_minute(number))))
            .ok_or_else(|| "expected a number of requests a minute, as 600/min, or `unlimited`".to_owned())
    }
}

#[derive(Debug, Args)]
pub(crate) struct QuotasArgs {
    #[command(subcommand)]
    pub(crate) command: QuotasCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuotasCommand {
    /// Set what holds for one owner in place of the server's defaults; what is not named stays as it was
    Set {
        /// Whose quotas
        #[arg(long)]
        owner: OwnerId,
        /// How many deployments: a number, unlimited, or default for what the server says
        #[arg(long, value_name = "N", value_parser = limit_or_default)]
        deployments: Option<OwnLimit>,
        /// How many triggers these may have together
        #[arg(long, value_name = "N", value_parser = limit_or_default)]
        triggers: Option<OwnLimit>,
        /// How many runs a day of UTC
        #[arg(long, value_name = "N", value_parser = limit_or_default)]
        runs_per_day: Option<OwnLimit>,
        /// How much runs may print in a day of UTC, as in 100MiB
        #[arg(long, value_name = "SIZE", value_parser = size_or_default)]
        log_bytes_per_day: Option<OwnLimit>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Show what is set for one owner
    Show {
        /// Whose quotas
        #[arg(long)]
        owner: OwnerId,
        #[command(flatten)]
        data: DataArgs,
    },
}

/// What is to hold for one owner: a limit of its own, or the server's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnLimit(pub(crate) Option<Limit>);

fn limit_or_default(text: &str) -> Result<OwnLimit, String> {
    match text {
        "default" => Ok(OwnLimit(None)),
        text => match text.parse() {
            Ok(limit) => Ok(OwnLimit(Some(limit))),
            Err(_) => Err("expected a number, `unlimited` or `default`".to_owned()),
        },
    }
}

fn size_or_default(text: &str) -> Result<OwnLimit, String> {
    match text {
        "default" => Ok(OwnLimit(None)),
        "unlimited" => Ok(OwnLimit(Some(Limit::Unlimited))),
        text => size(text).map(|bytes| OwnLimit(Some(Limit::AtMost(bytes)))),
    }
}

/// Reads a size in bytes, in the units that scripts may use for memory.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit.trim())).map(|(_, factor)| *factor);
    let bytes = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| "expected a size in bytes, KiB, MiB or GiB, as 100MiB".to_owned())
}

/// Reads how long a secret stays good after a rotation; 0s is not at all.
pub(super) fn grace(text: &str) -> Result<Duration, String> {
    if text == "0s" || text == "0" {
        return Ok(Duration::ZERO);
    }
    wren_core::schedule::parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_minute_or_none() {
        let rate = |text: &str| text.parse::<RateChoice>().map(|RateChoice(rate)| rate);
        assert_eq!(rate("600/min"), Ok(Some(RateLimit::default())));
        assert_eq!(rate("unlimited"), Ok(None));
        for text in ["600", "0/min", "-1/min", "600/s", "", "x/min"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_has_a_unit_or_is_bytes() {
        for (text, bytes) in [("0", 0), ("100", 100), ("1KiB", 1024), ("100 mib", 100 << 20), ("2GB", 2_000_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "1TiB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_owner_has_a_limit_none_or_the_default() {
        assert_eq!(limit_or_default("5"), Ok(OwnLimit(Some(Limit::AtMost(5)))));
        assert_eq!(size_or_default("unlimited"), Ok(OwnLimit(Some(Limit::Unlimited))));
        assert_eq!(size_or_default("default"), Ok(OwnLimit(None)));
        assert!(limit_or_default("many").is_err() && limit_or_default("5MiB").is_err());
    }
}
