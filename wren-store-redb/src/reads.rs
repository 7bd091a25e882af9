//! Reads that go past the writer.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use redb::ReadTransaction;
use uuid::Uuid;
use wren_core::model::{
    Attempt, Deployment, DeploymentOverview, DeploymentStatus, LogEntry, Revision, RevisionSummary, Run, RunState,
    Trigger,
};
use wren_core::store::kit::{DeploymentList, Detail, Place, RunList, unreadable};
use wren_core::{DeploymentId, OwnerId, Result, RunId, TriggerId};

use crate::encoding::{decode, micros};
use crate::error::OrStoreError;
use crate::layout::{
    ACTIVE, ASTRAY, ATTEMPTS, DEPLOYMENTS_OF_OWNER, FIRST, LAST, LOGS, ListOf, OwnersList, PAUSES, REVISIONS, RUNS,
    RUNS_OF_DEPLOYMENT, RUNS_OF_OWNER, RUNS_OF_TRIGGER, SCRIPTS, TRIGGERS,
};
use crate::rows::{self, AttemptRow, LineRow, Opens, RevisionRow, RunHead, bytes};
use crate::writes::is_astray;

/// Reads an owner's deployment with its triggers.
pub(crate) fn deployment(
    transaction: &impl Opens,
    owner: &OwnerId,
    id: DeploymentId,
) -> Result<Option<DeploymentOverview>> {
    Ok(rows::overview(transaction, id)?.filter(|overview| overview.deployment.owner == *owner))
}

/// Reads an owner's deployments, latest created first.
pub(crate) fn deployments(
    transaction: &ReadTransaction,
    owner: &OwnerId,
    list: &DeploymentList,
) -> Result<Vec<DeploymentOverview>> {
    let before = before(list.before, |id: DeploymentId| id.uuid());
    let ids = places(transaction, DEPLOYMENTS_OF_OWNER, owner, i64::MIN, before)?;
    let mut found = Vec::new();
    for id in ids {
        if found.len() >= list.limit {
            break;
        }
        let id = DeploymentId::from_uuid(id?);
        let Some(deployment) = rows::deployment(transaction, id)? else { continue };
        let status = match list.status {
            Some(status) => deployment.status == status,
            None => deployment.status != DeploymentStatus::Undeployed,
        };
        if status && list.name.as_ref().is_none_or(|name| deployment.name == *name) {
            found.extend(rows::overview(transaction, id)?);
        }
    }
    Ok(found)
}

/// Reads a revision of an owner's deployment.
pub(crate) fn revision(
    transaction: &ReadTransaction,
    owner: &OwnerId,
    id: DeploymentId,
    number: u32,
) -> Result<Option<Revision>> {
    if rows::deployment(transaction, id)?.is_none_or(|deployment| deployment.owner != *owner) {
        return Ok(None);
    }
    let uuid = id.uuid();
    let Some(row) = transaction.table(REVISIONS)?.get((bytes(&uuid), number)).or_store_error()? else {
        return Ok(None);
    };
    let row: RevisionRow = decode("revision", row.value())?;
    let script = transaction.table(SCRIPTS)?.get((bytes(&uuid), row.script_sha256.as_str())).or_store_error()?;
    let script = script.ok_or_else(|| unreadable("script", "it is missing"))?.value().to_owned();
    let RevisionRow { script_sha256, manifest, created_at } = row;
    Ok(Some(Revision { deployment_id: id, number, script, script_sha256, manifest, created_at }))
}

/// Reads revisions of an owner's deployment, latest first.
pub(crate) fn revisions(
    transaction: &ReadTransaction,
    owner: &OwnerId,
    id: DeploymentId,
    before: Option<u32>,
    limit: usize,
) -> Result<Option<Vec<RevisionSummary>>> {
    if rows::deployment(transaction, id)?.is_none_or(|deployment| deployment.owner != *owner) {
        return Ok(None);
    }
    let uuid = id.uuid();
    let mut found = Vec::new();
    let table = transaction.table(REVISIONS)?;
    let range = (bytes(&uuid), 0)..(bytes(&uuid), before.unwrap_or(u32::MAX));
    for entry in table.range(range).or_store_error()?.rev().take(limit) {
        let (place, row) = entry.or_store_error()?;
        let RevisionRow { script_sha256, manifest, created_at } = decode("revision", row.value())?;
        let triggers = manifest.triggers.len();
        found.push(RevisionSummary { number: place.value().1, script_sha256, triggers, created_at });
    }
    Ok(Some(found))
}

/// Reads deployments whose pause has ended, longest ended first.
pub(crate) fn ended_pauses(transaction: &ReadTransaction, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
    let mut found = Vec::new();
    for entry in transaction.table(PAUSES)?.range(..=(micros(now), LAST)).or_store_error()?.take(limit) {
        let (place, _) = entry.or_store_error()?;
        let id = DeploymentId::from_uuid(Uuid::from_bytes(*place.value().1));
        found.extend(rows::deployment(transaction, id)?);
    }
    Ok(found)
}

/// Reads triggers of every owner in the order of their ids.
pub(crate) fn triggers(transaction: &ReadTransaction, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
    let after = after.map(|id| *id.uuid().as_bytes());
    let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut found = Vec::new();
    for entry in
        transaction.table(TRIGGERS)?.range::<&[u8; 16]>((start, Bound::Unbounded)).or_store_error()?.take(limit)
    {
        let (id, _) = entry.or_store_error()?;
        let id = TriggerId::from_uuid(Uuid::from_bytes(*id.value()));
        found.extend(rows::trigger(transaction, id)?.map(|(row, cursor)| row.into_trigger(id, cursor)));
    }
    Ok(found)
}

/// Reads an owner's run with its attempts.
pub(crate) fn run(transaction: &ReadTransaction, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>> {
    let Some(run) = rows::run(transaction, id, Detail::Whole)?.filter(|run| run.owner == *owner) else {
        return Ok(None);
    };
    let uuid = id.uuid();
    let mut attempts = Vec::new();
    let table = transaction.table(ATTEMPTS)?;
    for entry in table.range((bytes(&uuid), 0)..=(bytes(&uuid), u64::MAX)).or_store_error()? {
        let (place, row) = entry.or_store_error()?;
        let row: AttemptRow = decode("attempt", row.value())?;
        attempts.push(row.into_attempt(place.value().1)?);
    }
    Ok(Some((run, attempts)))
}

/// Reads an owner's runs, latest due time first, through the index that the filters call for.
pub(crate) fn runs(transaction: &ReadTransaction, owner: &OwnerId, list: &RunList) -> Result<Vec<Run>> {
    let mut until = before(list.before, |id: RunId| id.uuid());
    if let Some(end) = list.until {
        until = until.min((micros(end), *FIRST));
    }
    let since = list.since.map_or(i64::MIN, micros);
    let all = |are: fn(RunState) -> bool| !list.states.is_empty() && list.states.iter().all(|state| are(*state));
    let ids: Box<dyn Iterator<Item = Result<Uuid>>> = match (list.trigger_id, list.deployment_id) {
        (Some(id), _) => Box::new(places_of(transaction, RUNS_OF_TRIGGER, id.uuid(), since, until)?),
        (None, Some(id)) => Box::new(places_of(transaction, RUNS_OF_DEPLOYMENT, id.uuid(), since, until)?),
        (None, None) if all(|state| !state.is_terminal()) => {
            Box::new(places(transaction, ACTIVE, owner, since, until)?)
        }
        (None, None) if all(is_astray) => Box::new(places(transaction, ASTRAY, owner, since, until)?),
        (None, None) => Box::new(places(transaction, RUNS_OF_OWNER, owner, since, until)?),
    };
    let mut found = Vec::new();
    for id in ids {
        if found.len() >= list.limit {
            break;
        }
        let id = RunId::from_uuid(id?);
        if !list.states.is_empty() && !list.states.contains(&rows::progress(transaction, id)?.state) {
            continue;
        }
        let Some(run) = rows::run(transaction, id, Detail::Whole)? else { continue };
        if run.owner == *owner
            && list.deployment_id.is_none_or(|id| run.deployment_id == id)
            && list.trigger_id.is_none_or(|id| run.trigger_id == Some(id))
            && list.trigger.is_none_or(|kind| run.trigger == kind)
        {
            found.push(run);
        }
    }
    Ok(found)
}

/// Reads lines of an owner's run.
pub(crate) fn logs(
    transaction: &ReadTransaction,
    owner: &OwnerId,
    id: RunId,
    after: u64,
    limit: usize,
) -> Result<Option<Vec<LogEntry>>> {
    let uuid = id.uuid();
    let Some(head) = transaction.table(RUNS)?.get(bytes(&uuid)).or_store_error()? else { return Ok(None) };
    if decode::<RunHead>("run", head.value())?.owner != *owner {
        return Ok(None);
    }
    let Some(first) = after.checked_add(1) else { return Ok(Some(Vec::new())) };
    let mut entries = Vec::new();
    let table = transaction.table(LOGS)?;
    for entry in table.range((bytes(&uuid), first)..=(bytes(&uuid), u64::MAX)).or_store_error()?.take(limit) {
        let (place, row) = entry.or_store_error()?;
        let LineRow { at, attempt, stream, text } = decode("line", row.value())?;
        entries.push(LogEntry { seq: place.value().1, at, attempt, stream, text });
    }
    Ok(Some(entries))
}

/// Returns the first place that a page does not hold any more, counted from the latest.
fn before<Id>(place: Option<Place<Id>>, uuid: impl Fn(Id) -> Uuid) -> (i64, [u8; 16]) {
    place.map_or((i64::MAX, *LAST), |place| (micros(place.at), *uuid(place.id).as_bytes()))
}

/// Walks an owner's list, latest first.
fn places(
    transaction: &ReadTransaction,
    list: OwnersList,
    owner: &OwnerId,
    since: i64,
    (at, id): (i64, [u8; 16]),
) -> Result<impl Iterator<Item = Result<Uuid>> + use<>> {
    let owner = owner.as_str();
    let range = transaction.table(list)?.range((owner, since, FIRST)..(owner, at, &id)).or_store_error()?;
    Ok(range.rev().map(|entry| Ok(Uuid::from_bytes(*entry.or_store_error()?.0.value().2))))
}

/// Walks the list of a deployment or a trigger, latest first.
fn places_of(
    transaction: &ReadTransaction,
    list: ListOf,
    of: Uuid,
    since: i64,
    (at, id): (i64, [u8; 16]),
) -> Result<impl Iterator<Item = Result<Uuid>> + use<>> {
    let range = transaction.table(list)?.range((bytes(&of), since, FIRST)..(bytes(&of), at, &id)).or_store_error()?;
    Ok(range.rev().map(|entry| Ok(Uuid::from_bytes(*entry.or_store_error()?.0.value().2))))
}
