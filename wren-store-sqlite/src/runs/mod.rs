//! Runs: recorded, claimed, finished, listed.

mod cancel;
pub(crate) mod changes;
mod claim;
mod enqueue;
mod extend;
mod finish;
mod fire;
mod list;
mod logs;
#[cfg(test)]
mod plans;
mod prune;
mod queue;
mod rescue;
pub(crate) mod table;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use wren_core::model::{Attempt, LogEntry, Page, Run};
use wren_core::store::{
    AppendLogs, ClaimOptions, Claimed, EnqueueRun, ExtendOutcome, FinishOptions, Fire, Fired, Held, ListRuns, RunStore,
};
use wren_core::{OwnerId, Result, RunId, WireError};

use crate::SqliteStore;
use crate::rows::trimmed;

#[async_trait]
impl RunStore for SqliteStore {
    async fn record_fires(&self, fires: Vec<Fire>, now: DateTime<Utc>) -> Result<Vec<Fired>> {
        if fires.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.write(fire::RecordFires { fires, now: trimmed(now) }).await
    }

    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run> {
        self.writer.write(enqueue::Enqueue { owner: owner.clone(), run }).await
    }

    async fn claim(&self, options: ClaimOptions) -> Result<Claimed> {
        self.writer.write(claim::Claim { options }).await
    }

    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.write(extend::Extend { held, now: trimmed(now), lease }).await
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        self.writer.write(finish::Finish { options }).await
    }

    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.write(logs::Append { batch }).await
    }

    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>> {
        self.writer.write(rescue::Rescue { now: trimmed(now), limit }).await
    }

    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run> {
        self.writer.write(cancel::Cancel { owner: owner.clone(), id, error, now: trimmed(now) }).await
    }

    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        list::run(&self.readers, owner, id).await
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        list::runs(&self.readers, owner, options).await
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        logs::read(&self.readers, owner, id, after_seq, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.writer.write(prune::Prune { before, limit }).await
    }
}
