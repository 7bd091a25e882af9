//! The end of old runs, and of old logs before them.

use chrono::{DateTime, Utc};
use redb::{ReadableTable as _, WriteTransaction};
use uuid::Uuid;
use wren_core::{Result, RunId};

use crate::encoding::{decode, encode, instant, micros};
use crate::error::OrStoreError;
use crate::layout::{
    ASTRAY, ATTEMPTS, COMPLETED, FIRST, KEYS, LOGS, PAYLOADS, PROGRESS, RESULTS, RUNS, RUNS_OF_DEPLOYMENT,
    RUNS_OF_OWNER, RUNS_OF_TRIGGER,
};
use crate::rows::{Opens, RunHead, bytes, progress};

/// Deletes terminal runs with all that belongs to them.
pub(crate) fn prune(transaction: &WriteTransaction, before: DateTime<Utc>, limit: usize) -> Result<usize> {
    let mut old: Vec<(i64, [u8; 16])> = Vec::new();
    let mut completed = transaction.table(COMPLETED)?;
    for entry in completed.range(..(micros(before), FIRST)).or_store_error()?.take(limit) {
        let (key, ()) = entry.map(|(key, _)| (key, ())).or_store_error()?;
        let (at, id) = key.value();
        old.push((at, *id));
    }
    let mut heads = transaction.table(RUNS)?;
    let mut progress = transaction.table(PROGRESS)?;
    let mut payloads = transaction.table(PAYLOADS)?;
    let mut results = transaction.table(RESULTS)?;
    let mut keys = transaction.table(KEYS)?;
    let mut of_owner = transaction.table(RUNS_OF_OWNER)?;
    let mut of_deployment = transaction.table(RUNS_OF_DEPLOYMENT)?;
    let mut of_trigger = transaction.table(RUNS_OF_TRIGGER)?;
    let mut astray = transaction.table(ASTRAY)?;
    let mut attempts = transaction.table(ATTEMPTS)?;
    let mut logs = transaction.table(LOGS)?;
    for (at, id) in &old {
        completed.remove((*at, id)).or_store_error()?;
        let Some(head) = heads.remove(id).or_store_error()?.map(|head| decode::<RunHead>("run", head.value())) else {
            continue;
        };
        let head = head?;
        let due = micros(head.scheduled_for);
        progress.remove(id).or_store_error()?;
        payloads.remove(id).or_store_error()?;
        results.remove(id).or_store_error()?;
        keys.remove((bytes(&head.key_space()), head.key.as_str())).or_store_error()?;
        of_owner.remove((head.owner.as_str(), due, id)).or_store_error()?;
        of_deployment.remove((bytes(&head.deployment_id.uuid()), due, id)).or_store_error()?;
        if let Some(trigger) = head.trigger_id {
            of_trigger.remove((bytes(&trigger.uuid()), due, id)).or_store_error()?;
        }
        astray.remove((head.owner.as_str(), due, id)).or_store_error()?;
        attempts.retain_in((id, 0)..=(id, u64::MAX), |_, _| false).or_store_error()?;
        logs.retain_in((id, 0)..=(id, u64::MAX), |_, _| false).or_store_error()?;
    }
    Ok(old.len())
}

/// Returns terminal runs that started and whose lines were not deleted yet, first ended first, and when each was completed.
pub(crate) fn unpruned(
    transaction: &WriteTransaction,
    since: Option<DateTime<Utc>>,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<(RunId, DateTime<Utc>)>> {
    let mut found = Vec::new();
    let completed = transaction.table(COMPLETED)?;
    let since = since.map_or(i64::MIN, micros).min(micros(before));
    for entry in completed.range((since, FIRST)..(micros(before), FIRST)).or_store_error()? {
        if found.len() >= limit {
            break;
        }
        let (place, _) = entry.or_store_error()?;
        let (at, id) = place.value();
        let (at, id) = (instant(at)?, RunId::from_uuid(Uuid::from_bytes(*id)));
        let progress = progress(transaction, id)?;
        if progress.started_at.is_some() && !progress.logs_pruned {
            found.push((id, at));
        }
    }
    Ok(found)
}

/// Deletes the lines of runs.
pub(crate) fn delete_logs(transaction: &WriteTransaction, ids: &[RunId]) -> Result<()> {
    for id in ids {
        let mut row = progress(transaction, *id)?;
        row.logs_pruned = true;
        let uuid = id.uuid();
        transaction.table(PROGRESS)?.insert(bytes(&uuid), &*encode(&row)?).or_store_error()?;
        let lines = (bytes(&uuid), 0)..=(bytes(&uuid), u64::MAX);
        transaction.table(LOGS)?.retain_in(lines, |_, _| false).or_store_error()?;
    }
    Ok(())
}
