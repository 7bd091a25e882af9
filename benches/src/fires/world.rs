//! What the measurements of fires have in common: runs that are waited for, and how late they were.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script};
use wren_core::host::RunHost;
use wren_core::model::{Isolation, PageOptions, Run, RunState};
use wren_core::store::{ListRuns, Store};
use wren_core::{OwnerId, Result};

/// Returns all runs of an owner.
pub(super) async fn runs(store: &dyn Store, owner: &OwnerId) -> Result<Vec<Run>> {
    let mut options = ListRuns { page: PageOptions::first(1_000), ..ListRuns::default() };
    let mut runs = Vec::new();
    loop {
        let page = store.runs(owner, options.clone()).await?;
        runs.extend(page.items);
        options.page.after = page.next;
        if options.page.after.is_none() {
            return Ok(runs);
        }
    }
}

/// Says whether fewer runs of an owner have been recorded than there will be, or one of them has not ended.
pub(super) async fn is_busy(store: &dyn Store, owner: &OwnerId, all: usize) -> Result<bool> {
    for state in [RunState::Queued, RunState::Running] {
        let options = ListRuns { states: vec![state], page: PageOptions::first(1), ..ListRuns::default() };
        if !store.runs(owner, options).await?.items.is_empty() {
            return Ok(true);
        }
    }
    Ok(runs(store, owner).await?.len() < all)
}

/// Returns how many milliseconds something came after another.
pub(super) fn late_ms(due: DateTime<Utc>, at: DateTime<Utc>) -> f64 {
    at.signed_duration_since(due).num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0
}

/// Returns the values at two shares of a list, by the nearest rank.
pub(super) fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
        values.get(place).copied().unwrap_or(f64::NAN)
    };
    (at(0.50), at(0.99))
}

/// Runs nothing, at once: what is measured is all the rest.
#[derive(Debug)]
pub(super) struct Nothing;

#[async_trait]
impl Executor for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "nothing".to_owned(), tier: "none".to_owned() }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn inspect(&self, _: &Script, _: &Limits) -> Result<Inspection> {
        Ok(Inspection::default())
    }

    async fn run(&self, _: Invocation, _: RunHost, _: Arc<dyn LogSink>, _: CancellationToken) -> Result<Outcome> {
        Ok(Outcome { end: OutcomeEnd::Success(serde_json::Value::Null), isolation: self.isolation() })
    }
}
