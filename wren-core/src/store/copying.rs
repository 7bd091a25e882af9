//! Copying one store into another: resumable, and checked in the end.
//!
//! How far a copy has come is a record of the target, written in the transaction of what it counts. A copy that was cut off goes on
//! there. In the end both stores are read from the beginning, and have to give the same counts and hashes.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Import, Namespace, Portable, WholeDeployment, WholeRecord, WholeRun};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{DeploymentId, OwnerId, RunId};
use crate::model::{LogEntry, Trigger};

/// How many pieces are read and written at once.
const PAGE: usize = 200;
/// How many lines of a run are read at once.
const LINES: usize = 10_000;
const KEY: &str = "progress";

/// The spaces of the platform that are about a store's own processes and say nothing to another store.
const LEFT_OUT: [&str; 2] = ["nodes", "copy"];

fn space() -> Namespace {
    Namespace::system("copy")
}

/// How many pieces there are, or have been copied so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Deployments, with revisions and triggers.
    pub deployments: u64,
    /// Runs, with attempts and logs.
    pub runs: u64,
    /// Records.
    pub records: u64,
}

/// What a copy did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// How much both stores have now.
    pub pieces: Pieces,
    /// The SHA-256 of everything in both, 64 hexadecimal digits.
    pub sha256: String,
    /// Whether it went on where an earlier copy was cut off.
    pub resumed: bool,
}

/// How far a copy has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Progress {
    /// Which store it is of, in the words of the caller.
    from: String,
    deployment: Option<DeploymentId>,
    run: Option<RunId>,
    record: Option<(Option<OwnerId>, String, String)>,
    pieces: Pieces,
    /// Everything is there; what is left is to compare.
    copied: bool,
}

/// Copies everything from one store into an empty one. No engine may run on either meanwhile.
///
/// `name` says which store the source is, so that a copy of another one is not taken up by mistake; `report` is called after every
/// page.
///
/// # Errors
/// `CONFLICT`, with a hint, when the target is not empty, was begun from another source, or differs from the source in the end;
/// `STORE_UNAVAILABLE`. A copy that failed on the way can be called again.
pub async fn copy(
    from: &dyn Portable,
    to: &dyn Portable,
    name: &str,
    now: DateTime<Utc>,
    report: &mut (dyn FnMut(Pieces) + Send),
) -> Result<Copied> {
    let begun = to.record(&space(), KEY, now).await?;
    let resumed = begun.is_some();
    let mut progress = match begun {
        Some(record) => serde_json::from_slice(&record.value)
            .map_err(|error| Error::internal("the progress of the copy cannot be read", error))?,
        None => {
            refuse_unless_empty(to, now).await?;
            Progress { from: name.to_owned(), ..Progress::default() }
        }
    };
    if progress.from != name {
        let message = format!("a copy of {} into this store has begun and not ended", progress.from);
        return Err(
            Error::new(ErrorCode::Conflict, message).with_hint("finish that one, or name an empty store as the target")
        );
    }
    while !progress.copied {
        let import = next(from, &mut progress, now).await?;
        to.import(marked(import, &progress)?).await?;
        report(progress.pieces);
    }
    let (pieces, sha256) = sum(from, now).await?;
    if sum(to, now).await? != (pieces, sha256.clone()) {
        return Err(Error::new(ErrorCode::Conflict, "the copy differs from its source")
            .with_hint("a server wrote to one of them meanwhile: stop it, and copy into a new, empty store"));
    }
    to.delete_record(&space(), KEY, super::Expect::Any, now).await?;
    Ok(Copied { pieces, sha256, resumed })
}

async fn refuse_unless_empty(to: &dyn Portable, now: DateTime<Utc>) -> Result<()> {
    let is_empty = to.all_deployments(None, 1).await?.is_empty()
        && to.all_runs(None, 1).await?.is_empty()
        && to.all_records(None, PAGE, now).await?.iter().all(is_left_out);
    if is_empty {
        return Ok(());
    }
    Err(Error::new(ErrorCode::Conflict, "the target is not empty")
        .with_hint("name a store that does not exist yet; nothing was written"))
}

fn is_left_out(record: &WholeRecord) -> bool {
    record.namespace.owner().is_none() && LEFT_OUT.contains(&record.namespace.name())
}

/// Reads the next page and moves the progress on.
async fn next(from: &dyn Portable, progress: &mut Progress, now: DateTime<Utc>) -> Result<Import> {
    let mut import = Import { now, ..Import::default() };
    // One kind after the other: a kind without anything left costs a look each time, which is cheap beside a page.
    import.deployments = deployments(from, progress.deployment).await?;
    if let Some(last) = import.deployments.last() {
        progress.deployment = Some(last.deployment.id);
        progress.pieces.deployments += import.deployments.len() as u64;
        return Ok(import);
    }
    import.runs = runs(from, progress.run).await?;
    if let Some(last) = import.runs.last() {
        progress.run = Some(last.run.id);
        progress.pieces.runs += import.runs.len() as u64;
        return Ok(import);
    }
    let after = progress.record.take().map(|(owner, name, key)| (namespace(owner.as_ref(), &name), key));
    let page = from.all_records(after.clone(), PAGE, now).await?;
    progress.copied = page.is_empty();
    let place = page.last().map(|last| (last.namespace.clone(), last.key.clone())).or(after);
    progress.record = place.map(|(namespace, key)| (namespace.owner().cloned(), namespace.name().to_owned(), key));
    import.records = page.into_iter().filter(|record| !is_left_out(record)).collect();
    progress.pieces.records += import.records.len() as u64;
    Ok(import)
}

fn namespace(owner: Option<&OwnerId>, name: &str) -> Namespace {
    owner.map_or_else(|| Namespace::system(name), |owner| Namespace::owned(owner, name))
}

/// Adds the progress to what is written.
fn marked(mut import: Import, progress: &Progress) -> Result<Import> {
    let value = serde_json::to_vec(progress)
        .map_err(|error| Error::internal("the progress of the copy cannot be written", error))?;
    import.records.push(WholeRecord {
        namespace: space(),
        key: KEY.to_owned(),
        value: Bytes::from(value),
        expires_at: None,
    });
    Ok(import)
}

async fn deployments(from: &dyn Portable, after: Option<DeploymentId>) -> Result<Vec<WholeDeployment>> {
    let mut all = Vec::new();
    for (owner, id) in from.all_deployments(after, PAGE).await? {
        let overview = from.deployment(&owner, id).await?;
        let mut revisions = Vec::new();
        for number in 1..=overview.deployment.revision {
            revisions.push(from.revision(&owner, id, number).await?);
        }
        let wanted = revisions.last().map(|revision| revision.manifest.triggers.as_slice()).unwrap_or_default();
        let mut left: Vec<Trigger> = overview.triggers;
        // An overview lists triggers by age; what a store keeps is the order of the manifest.
        let mut triggers = Vec::with_capacity(left.len());
        for spec in wanted {
            if let Some(place) = left.iter().position(|trigger| trigger.spec == *spec) {
                triggers.push(left.remove(place));
            }
        }
        triggers.append(&mut left);
        all.push(WholeDeployment { deployment: overview.deployment, last_run: overview.last_run, revisions, triggers });
    }
    Ok(all)
}

async fn runs(from: &dyn Portable, after: Option<RunId>) -> Result<Vec<WholeRun>> {
    let mut all = Vec::new();
    for (owner, id) in from.all_runs(after, PAGE).await? {
        let (run, attempts) = from.run(&owner, id).await?;
        let mut logs = Vec::new();
        loop {
            let after = logs.last().map_or(0, |last: &LogEntry| last.seq);
            let page = from.logs(&owner, id, after, LINES).await?;
            let is_last = page.len() < LINES;
            logs.extend(page);
            if is_last {
                break;
            }
        }
        all.push(WholeRun { run, attempts, logs });
    }
    Ok(all)
}

/// Counts and hashes everything in a store.
async fn sum(store: &dyn Portable, now: DateTime<Utc>) -> Result<(Pieces, String)> {
    let (mut pieces, mut hash) = (Pieces::default(), Sha256::new());
    let mut add = |piece: &[u8]| {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    };
    let mut after = None;
    loop {
        let page = deployments(store, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.deployment.id);
        pieces.deployments += page.len() as u64;
        for whole in &page {
            add(&json(whole)?);
        }
    }
    let mut after = None;
    loop {
        let page = runs(store, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.run.id);
        pieces.runs += page.len() as u64;
        for whole in &page {
            add(&json(whole)?);
        }
    }
    let mut after = None;
    loop {
        let page = store.all_records(after, PAGE, now).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.namespace.clone(), last.key.clone()));
        for record in page.iter().filter(|record| !is_left_out(record)) {
            pieces.records += 1;
            let place = (record.namespace.owner(), record.namespace.name(), &record.key);
            add(&json(&(place, record.expires_at.map(|at| at.timestamp_micros())))?);
            add(&record.value);
        }
    }
    let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((pieces, digits))
}

fn json<T: Serialize>(piece: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(piece).map_err(|error| Error::internal("a piece of the store has no JSON", error))
}
