//! Reading a backup back into a store.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::BackupSummary;
use super::reader::Reader;
use crate::error::{Error, ErrorCode, Result};
use crate::model::{Deployment, DeploymentStatus};
use crate::store::copying::{begin, end, write};
use crate::store::pieces::{PAGE, Piece, Pieces, Sum};
use crate::store::{Namespace, Portable};

/// How many bytes of lines a page has at most, but for its last run's.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// What else than what it holds a restore makes of a backup: nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreOptions {
    /// Namespaces whose records are left out: credentials whose key is lost, say.
    pub left_out: Vec<Namespace>,
    /// Why every deployment is paused that would fire: those that are active, and those whose pause would end by itself. `None` leaves
    /// them as they are.
    pub paused: Option<String>,
}

impl RestoreOptions {
    /// Returns what is made of a piece. The same whenever it is asked, but for records that expire: a restore that was cut off goes on.
    fn wanted(&self, mut piece: Piece, now: DateTime<Utc>) -> Option<Piece> {
        match &mut piece {
            Piece::Deployment(whole) => {
                if let Some(reason) = &self.paused {
                    pause(&mut whole.deployment, reason);
                }
            }
            Piece::Run(_) => {}
            Piece::Record(record) => {
                let has_expired = record.expires_at.is_some_and(|at| at <= now);
                if has_expired || self.left_out.contains(&record.namespace) {
                    return None;
                }
            }
        }
        Some(piece)
    }

    /// Names what a store is made of.
    fn name(&self, backup: &BackupSummary) -> String {
        let mut name = format!("backup {}", backup.sha256);
        for space in &self.left_out {
            name.push_str(" without ");
            name.push_str(space.name());
        }
        if let Some(reason) = &self.paused {
            name.push_str(" paused: ");
            name.push_str(reason);
        }
        name
    }
}

fn pause(deployment: &mut Deployment, reason: &str) {
    match deployment.status {
        DeploymentStatus::Active => {
            deployment.status = DeploymentStatus::Paused;
            deployment.status_reason = Some(reason.to_owned());
        }
        DeploymentStatus::Paused => deployment.paused_until = None,
        DeploymentStatus::NeedsAttention | DeploymentStatus::Undeployed => {}
    }
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Restored {
    /// The backup.
    pub backup: BackupSummary,
    /// How much the store has now: what the backup has, but for records that have expired since or were left out.
    pub pieces: Pieces,
    /// The SHA-256 of everything in the store, as a [copy](crate::store::copy) of it has it.
    pub sha256: String,
    /// Whether it went on where an earlier restore was cut off.
    pub resumed: bool,
}

/// Reads a backup from its beginning to its end.
///
/// # Errors
/// `NOT_FOUND`; `INVALID_REQUEST`, with a hint, when the file is no backup, is of a later format, or is not as it was written.
pub fn verify_backup(path: &Path) -> Result<BackupSummary> {
    Ok(read(path, Some)?.0)
}

/// Reads all of a backup; sums up what is wanted of it.
pub(super) fn read(path: &Path, wanted: impl Fn(Piece) -> Option<Piece>) -> Result<(BackupSummary, Sum)> {
    let (mut reader, mut sum) = (Reader::open(path)?, Sum::default());
    while let Some(piece) = reader.next()? {
        if let Some(piece) = wanted(piece) {
            sum.add(&piece)?;
        }
    }
    let summary = reader.summary().cloned();
    Ok((summary.ok_or_else(|| Error::internal("reading a backup", "it has no end"))?, sum))
}

/// Writes everything of a backup into an empty store, and compares. No engine may run on the store meanwhile.
///
/// The whole file is read before anything is written. A restore that was cut off goes on when it is called again with the same backup;
/// until it has ended the store is one of an [unfinished copy](crate::store::unfinished_copy). `report` is called after every page. The
/// thread that polls this waits for the disk.
///
/// # Errors
/// As [`verify_backup`], and nothing is written; `CONFLICT`, with a hint, when the store is not empty, has a copy of something else
/// begun, or differs from the backup in the end; `STORE_UNAVAILABLE`.
pub async fn restore_backup(
    path: &Path,
    to: &dyn Portable,
    now: DateTime<Utc>,
    report: &mut (dyn FnMut(Pieces) + Send),
) -> Result<Restored> {
    restore_backup_as(path, to, &RestoreOptions::default(), now, report).await
}

/// As [`restore_backup`], with something else made of the backup on purpose.
///
/// # Errors
/// As [`restore_backup`]. One that was cut off goes on with the same options alone.
pub async fn restore_backup_as(
    path: &Path,
    to: &dyn Portable,
    options: &RestoreOptions,
    now: DateTime<Utc>,
    report: &mut (dyn FnMut(Pieces) + Send),
) -> Result<Restored> {
    let (backup, wanted) = read(path, |piece| options.wanted(piece, now))?;
    let name = options.name(&backup);
    let (mut progress, resumed) = begin(to, &name, now).await?;
    let mut reader = Reader::open(path)?;
    for _ in 0..progress.read {
        reader.next()?;
    }
    while !progress.walked.is_done {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE && bytes < PAGE_BYTES {
            let Some(piece) = reader.next()? else {
                progress.walked.is_done = true;
                break;
            };
            progress.read += 1;
            bytes += size(&piece);
            page.extend(options.wanted(piece, now));
        }
        write(to, page, &mut progress, now).await?;
        report(progress.pieces);
    }
    let found = Sum::of(to, now).await?;
    let sha256 = wanted.sha256();
    if (found.pieces, found.sha256()) != (wanted.pieces, sha256.clone()) {
        return Err(Error::new(ErrorCode::Conflict, "the store differs from the backup")
            .with_hint("something else wrote to it meanwhile: restore into a new, empty store"));
    }
    end(to, now).await?;
    Ok(Restored { backup, pieces: found.pieces, sha256, resumed })
}

/// Returns about how much memory a piece takes, in bytes.
fn size(piece: &Piece) -> usize {
    match piece {
        Piece::Deployment(whole) => whole.revisions.iter().map(|revision| revision.script.len()).sum(),
        Piece::Run(whole) => whole.logs.iter().map(|entry| entry.text.len()).sum(),
        Piece::Record(record) => record.value.len(),
    }
}
