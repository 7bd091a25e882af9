//! What an engine can be told.

use crate::executor::Limits;
use crate::id::WorkerId;
use crate::quota::Quotas;

/// Settings of an engine. Times are in milliseconds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The name under which it claims runs; different at every start.
    pub worker: WorkerId,
    /// How many runs it runs at once.
    pub concurrency: usize,
    /// How many runs of one deployment may run at once, over all workers of the store.
    pub per_deployment: usize,
    /// How many runs of one owner may run at once, over all workers of the store.
    pub per_owner: usize,
    /// How long a claim holds without a heartbeat. A worker that dies is noticed after at most this.
    pub lease_ms: u64,
    /// How often queued runs are looked for when nothing says that there are any.
    pub poll_ms: u64,
    /// How often the plan is compared with the store.
    pub reconcile_ms: u64,
    /// How often lines of a running script are stored.
    pub log_flush_ms: u64,
    /// How long a shutdown waits for runs in progress.
    pub drain_ms: u64,
    /// How long terminal runs are kept; `None` keeps them for ever.
    pub retention_ms: Option<u64>,
    /// How long what terminal runs printed is kept, where that is less long than the runs themselves; `None` keeps it as long as
    /// these. A run whose lines were deleted [says so](crate::model::Run::logs_pruned).
    pub log_retention_ms: Option<u64>,
    /// How many missed due times `catch_up = "all"` runs at most; older ones are skipped as coalesced.
    pub max_catch_up: usize,
    /// How late a due time may be and still count as on time under `catch_up = "none"`.
    pub grace_ms: u64,
    /// How many due times are recorded in one transaction at most.
    pub fire_batch: usize,
    /// How many scripts are inspected at once.
    pub concurrent_inspections: usize,
    /// What a run may use when its script does not say.
    pub limits: Limits,
    /// How much each owner may have and use, unless an operator has [set](crate::quota::OwnerQuotas) something else; no limits
    /// without it. Engines on one store are to have the same.
    pub quotas: Quotas,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            worker: WorkerId::generate(),
            concurrency: (cores * 4).max(8),
            per_deployment: 10,
            per_owner: 50,
            lease_ms: 15_000,
            poll_ms: 1_000,
            reconcile_ms: 60_000,
            log_flush_ms: 200,
            drain_ms: 30_000,
            retention_ms: Some(30 * 24 * 60 * 60 * 1000),
            log_retention_ms: None,
            max_catch_up: 100,
            grace_ms: 30_000,
            fire_batch: 1_000,
            concurrent_inspections: 4,
            limits: Limits::default(),
            quotas: Quotas::default(),
        }
    }
}
