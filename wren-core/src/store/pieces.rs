//! Everything of a store in one order, piece by piece: deployments, then runs, then records, each by id or place.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Namespace, Portable, WholeDeployment, WholeRecord, WholeRun};
use crate::error::{Error, Result};
use crate::id::{DeploymentId, OwnerId, RunId};
use crate::model::{LogEntry, Trigger};

/// How many pieces are read and written at once.
pub(super) const PAGE: usize = 200;
/// How many bytes of lines a page of runs has at most, but for the last run's: what a page takes of memory.
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// How many lines of a run are read at once.
const LINES: usize = 10_000;

/// The spaces of the platform that are about a store's own processes and say nothing to another store.
const LEFT_OUT: [&str; 2] = ["nodes", "copy"];

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

impl Pieces {
    /// Returns how many there are of all kinds.
    #[must_use]
    pub fn total(self) -> u64 {
        self.deployments + self.runs + self.records
    }

    pub(super) fn count(&mut self, piece: &Piece) {
        match piece {
            Piece::Deployment(_) => self.deployments += 1,
            Piece::Run(_) => self.runs += 1,
            Piece::Record(_) => self.records += 1,
        }
    }
}

/// One piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Deployment(Box<WholeDeployment>),
    Run(Box<WholeRun>),
    Record(WholeRecord),
}

/// How far a walk through a store has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Walked {
    deployment: Option<DeploymentId>,
    run: Option<RunId>,
    record: Option<(Option<OwnerId>, String, String)>,
    /// Nothing is left.
    #[serde(rename = "copied")]
    pub(super) is_done: bool,
}

impl Walked {
    /// Reads the next page, which may be empty before the end.
    pub(super) async fn next(&mut self, from: &dyn Portable, now: DateTime<Utc>) -> Result<Vec<Piece>> {
        // One kind after the other: a kind without anything left costs a look each time, which is cheap beside a page.
        let page = deployments(from, self.deployment).await?;
        if let Some(last) = page.last() {
            self.deployment = Some(last.deployment.id);
            return Ok(page.into_iter().map(Box::new).map(Piece::Deployment).collect());
        }
        let page = runs(from, self.run).await?;
        if let Some(last) = page.last() {
            self.run = Some(last.run.id);
            return Ok(page.into_iter().map(Box::new).map(Piece::Run).collect());
        }
        let after = self.record.as_ref().map(|(owner, name, key)| (namespace(owner.as_ref(), name), key.clone()));
        let page = from.all_records(after, PAGE, now).await?;
        self.is_done = page.is_empty();
        if let Some(last) = page.last() {
            let owner = last.namespace.owner().cloned();
            self.record = Some((owner, last.namespace.name().to_owned(), last.key.clone()));
        }
        Ok(page.into_iter().filter(|record| !is_left_out(record)).map(Piece::Record).collect())
    }
}

/// Says whether a record is of the store's own processes.
pub(super) fn is_left_out(record: &WholeRecord) -> bool {
    record.namespace.owner().is_none() && LEFT_OUT.contains(&record.namespace.name())
}

/// Names a space of an owner, or of the platform.
pub(super) fn namespace(owner: Option<&OwnerId>, name: &str) -> Namespace {
    owner.map_or_else(|| Namespace::system(name), |owner| Namespace::owned(owner, name))
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
    let (mut all, mut bytes) = (Vec::new(), 0);
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
        bytes += logs.iter().map(|entry| entry.text.len()).sum::<usize>();
        all.push(WholeRun { run, attempts, logs });
        if bytes > PAGE_BYTES {
            break;
        }
    }
    Ok(all)
}

/// Counts and hashes pieces: the same for all that have the same content, whatever keeps it.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) pieces: Pieces,
    hash: Sha256,
}

impl Sum {
    /// Sums up a store.
    pub(super) async fn of(store: &dyn Portable, now: DateTime<Utc>) -> Result<Self> {
        let (mut sum, mut walked) = (Self::default(), Walked::default());
        while !walked.is_done {
            for piece in walked.next(store, now).await? {
                sum.add(&piece)?;
            }
        }
        Ok(sum)
    }

    /// Adds a piece.
    pub(super) fn add(&mut self, piece: &Piece) -> Result<()> {
        self.pieces.count(piece);
        match piece {
            Piece::Deployment(whole) => self.take(&json(whole)?),
            Piece::Run(whole) => self.take(&json(whole)?),
            Piece::Record(record) => {
                let place = (record.namespace.owner(), record.namespace.name(), &record.key);
                self.take(&json(&(place, record.expires_at.map(|at| at.timestamp_micros())))?);
                self.take(&record.value);
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }

    /// Returns the SHA-256, 64 hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        digits(self.hash.clone())
    }
}

/// Writes a hash in hexadecimal digits.
pub(super) fn digits(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json<T: Serialize>(piece: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(piece).map_err(|error| Error::internal("a piece of the store has no JSON", error))
}
