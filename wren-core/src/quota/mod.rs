//! Quotas: how much one owner may have and use.
//!
//! An owner has those of the [engine's options](crate::engine::EngineOptions::quotas), and in their place what an operator has
//! [set for that owner](OwnerQuotas). Deployments and triggers are counted when a script is deployed. Runs and log bytes are
//! counted by the day of UTC on which they are recorded, in a counter of the store that all engines on it share: each takes
//! what it is going to use in blocks. So more than the quota is never given out, while up to one block of each engine that
//! crashed, or that has not used its own yet, is not available to the others. A block is a sixteenth of what is left, at most
//! 64 runs or 256 KiB; near the end of a quota of runs it is a single one. An engine that does not run takes no blocks, but
//! what it uses.
//!
//! What has been counted and may have been recorded stays counted, since who gave it back could give it out twice. So a crash,
//! or a store that does not say what became of a batch before the engine ends, costs besides the block up to the due times of
//! that batch, whose runs count again when they are recorded later; and an event that is emitted again after such an answer
//! counts again.
//!
//! Without a quota nothing is counted, and nothing written.

mod ledger;
pub(crate) mod overrides;

use std::fmt;

use chrono::{DateTime, Days, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};

pub(crate) use ledger::{Ledger, Meter, Opened, Taken};
pub use overrides::{Limit, OwnerQuotas, QuotaOverrides};

/// How much an owner may have and use; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quotas {
    /// How many deployments there may be that are not undeployed.
    pub deployments: Option<u64>,
    /// How many triggers these may have together.
    pub triggers: Option<u64>,
    /// How many runs may be queued a day, of UTC. A run's further attempts do not count.
    pub runs_per_day: Option<u64>,
    /// How much runs may print a day, of UTC, in bytes: UTF-8, and 64 for each line.
    pub log_bytes_per_day: Option<u64>,
}

impl Quotas {
    /// Returns the limit of a quota.
    #[must_use]
    pub fn limit(&self, quota: Quota) -> Option<u64> {
        match quota {
            Quota::Deployments => self.deployments,
            Quota::Triggers => self.triggers,
            Quota::RunsPerDay => self.runs_per_day,
            Quota::LogBytesPerDay => self.log_bytes_per_day,
        }
    }
}

/// What there is a quota of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// Deployments that are not undeployed.
    Deployments,
    /// Their triggers.
    Triggers,
    /// Runs queued in a day of UTC.
    RunsPerDay,
    /// Bytes printed in a day of UTC.
    LogBytesPerDay,
}

impl Quota {
    /// Every quota.
    pub const ALL: [Quota; 4] = [Self::Deployments, Self::Triggers, Self::RunsPerDay, Self::LogBytesPerDay];

    /// Returns the quota's name, as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::Triggers => "triggers",
            Self::RunsPerDay => "runs_per_day",
            Self::LogBytesPerDay => "log_bytes_per_day",
        }
    }

    /// Makes the error of somebody who wants more: `QUOTA_EXCEEDED` with `quota`, `limit` and `used` in its details. Of a quota
    /// that begins anew each day it says when, and that the same call may succeed then.
    pub(crate) fn exceeded(self, limit: u64, used: u64, now: DateTime<Utc>) -> Error {
        let what = match self {
            Self::Deployments => "deployments",
            Self::Triggers => "triggers",
            Self::RunsPerDay => "runs a day",
            Self::LogBytesPerDay => "log bytes a day",
        };
        let hint = match self {
            Self::Deployments => "undeploy what is not needed any more, or have the operator raise the quota",
            Self::Triggers => {
                "declare fewer, undeploy what is not needed any more, or have the operator raise the quota"
            }
            Self::RunsPerDay | Self::LogBytesPerDay => {
                "wait for the next day of UTC, run less often, or have the operator raise the quota"
            }
        };
        let error = Error::new(ErrorCode::QuotaExceeded, format!("the quota of {limit} {what} is used up"))
            .with_hint(hint)
            .with_detail("quota", self.as_str())
            .with_detail("limit", limit)
            .with_detail("used", used);
        if matches!(self, Self::Deployments | Self::Triggers) {
            return error;
        }
        let resets_at = next_day(now);
        error
            .with_detail("resets_at", resets_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
            .with_detail("retry_after_s", (resets_at - now).num_seconds().max(0).saturating_add(1))
            .with_retryable(true)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An owner's quotas and what is used of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The quotas that hold for the owner.
    pub quotas: Quotas,
    /// How many deployments there are.
    pub deployments: u64,
    /// How many triggers these have.
    pub triggers: u64,
    /// How many runs have been queued today; `None` without a quota, since then nobody counts. What other engines on the store
    /// have taken and not used yet is in it.
    pub runs_today: Option<u64>,
    /// How many bytes have been printed today; as with runs.
    pub log_bytes_today: Option<u64>,
    /// When the next day of UTC begins, and these two with it.
    pub resets_at: DateTime<Utc>,
}

/// Returns when the day of UTC after an instant's begins.
pub(crate) fn next_day(now: DateTime<Utc>) -> DateTime<Utc> {
    let day = now.date_naive();
    day.checked_add_days(Days::new(1)).unwrap_or(day).and_time(NaiveTime::MIN).and_utc()
}
