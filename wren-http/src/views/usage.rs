//! Quotas on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wren_core::quota::Usage;

/// An owner's quotas and what is used of them: the answer of `GET /v1/usage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// Deployments that are not undeployed.
    pub deployments: QuotaView,
    /// Their triggers.
    pub triggers: QuotaView,
    /// Runs queued today, in UTC; further attempts do not count.
    pub runs_per_day: QuotaView,
    /// Bytes printed today, in UTC, and 64 for each line.
    pub log_bytes_per_day: QuotaView,
    /// When the quotas of a day begin anew.
    pub resets_at: DateTime<Utc>,
}

/// One quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaView {
    /// How much there may be; null without a limit.
    #[schema(required = true)]
    pub limit: Option<u64>,
    /// How much there is; null where nobody counts, since there is no limit. Of the quotas of a day it may be ahead by what
    /// other servers on the store have set aside.
    #[schema(required = true)]
    pub used: Option<u64>,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        let quotas = &usage.quotas;
        Self {
            deployments: QuotaView { limit: quotas.deployments, used: Some(usage.deployments) },
            triggers: QuotaView { limit: quotas.triggers, used: Some(usage.triggers) },
            runs_per_day: QuotaView { limit: quotas.runs_per_day, used: usage.runs_today },
            log_bytes_per_day: QuotaView { limit: quotas.log_bytes_per_day, used: usage.log_bytes_today },
            resets_at: usage.resets_at,
        }
    }
}
