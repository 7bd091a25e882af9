//! Copying one store into another: resumable, and checked in the end.
//!
//! How far a copy has come is a record of the target, written in the transaction of what it counts. A copy that was cut off goes on
//! there, and no server works on a store that is half of another one. In the end both stores are read from the beginning, and have to
//! give the same counts and hashes.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::pieces::{PAGE, Piece, Pieces, Sum, Walked, is_left_out};
use super::{Expect, Import, Namespace, Portable, RecordStore, WholeRecord};
use crate::error::{Error, ErrorCode, Result};

const KEY: &str = "progress";

fn space() -> Namespace {
    Namespace::system("copy")
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

/// How far a copy into a store has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What it is a copy of, in the words of the caller.
    from: String,
    #[serde(flatten)]
    pub(super) walked: Walked,
    /// How many pieces were read, those included that were not written: what a backup goes on after.
    #[serde(default)]
    pub(super) read: u64,
    pub(super) pieces: Pieces,
}

/// Copies everything from one store into an empty one. No engine may run on either meanwhile.
///
/// `name` says which store the source is, so that a copy of another one is not taken up by mistake; `report` is called after every
/// page.
///
/// # Errors
/// `CONFLICT`, with a hint, when the source is itself an unfinished copy, or when the target is not empty, was begun from another
/// source, or differs from the source in the end; `STORE_UNAVAILABLE`. A copy that failed on the way can be called again.
pub async fn copy(
    from: &dyn Portable,
    to: &dyn Portable,
    name: &str,
    now: DateTime<Utc>,
    report: &mut (dyn FnMut(Pieces) + Send),
) -> Result<Copied> {
    refuse_unfinished(from, now).await?;
    let (mut progress, resumed) = begin(to, name, now).await?;
    while !progress.walked.is_done {
        let page = progress.walked.next(from, now).await?;
        write(to, page, &mut progress, now).await?;
        report(progress.pieces);
    }
    let (whole, written) = (Sum::of(from, now).await?, Sum::of(to, now).await?);
    let sha256 = whole.sha256();
    if (written.pieces, written.sha256()) != (whole.pieces, sha256.clone()) {
        return Err(Error::new(ErrorCode::Conflict, "the copy differs from its source")
            .with_hint("a server wrote to one of them meanwhile: stop it, and copy into a new, empty store"));
    }
    end(to, now).await?;
    Ok(Copied { pieces: whole.pieces, sha256, resumed })
}

/// Returns what a store is a begun and not ended copy of; `None` for every store that is whole.
///
/// # Errors
/// `STORE_UNAVAILABLE`; `INTERNAL` when what says so cannot be read.
pub async fn unfinished_copy(store: &(impl RecordStore + ?Sized), now: DateTime<Utc>) -> Result<Option<String>> {
    let Some(record) = store.record(&space(), KEY, now).await? else { return Ok(None) };
    Ok(Some(parsed(&record.value)?.from))
}

/// Refuses a store that is half of something: what is taken of it would pass for the whole, as what says otherwise is of the store's own.
pub(super) async fn refuse_unfinished(from: &dyn Portable, now: DateTime<Utc>) -> Result<()> {
    let Some(of) = unfinished_copy(from, now).await? else { return Ok(()) };
    Err(Error::new(ErrorCode::Conflict, format!("a copy of {of} into this store has begun and not ended")).with_hint(
        "call `wren backup restore` or `wren store migrate` as before, which goes on where it was cut off; then this",
    ))
}

fn parsed(value: &[u8]) -> Result<Progress> {
    serde_json::from_slice(value).map_err(|error| Error::internal("the progress of the copy cannot be read", error))
}

/// Takes up a copy into a store, or begins one where the store is empty; says which.
pub(super) async fn begin(to: &dyn Portable, name: &str, now: DateTime<Utc>) -> Result<(Progress, bool)> {
    refuse_served(to, now).await?;
    let Some(record) = to.record(&space(), KEY, now).await? else {
        refuse_unless_empty(to, now).await?;
        return Ok((Progress { from: name.to_owned(), ..Progress::default() }, false));
    };
    let progress = parsed(&record.value)?;
    if progress.from == name {
        return Ok((progress, true));
    }
    let message = format!("a copy of {} into this store has begun and not ended", progress.from);
    Err(Error::new(ErrorCode::Conflict, message).with_hint("finish that one, or name an empty store as the target"))
}

/// Refuses a store on which a server runs that says so there, as all do on a store that several share: it would run what is due before all
/// of its history is there.
async fn refuse_served(to: &dyn Portable, now: DateTime<Utc>) -> Result<()> {
    if to.record_keys(&Namespace::system("nodes"), "node/", None, 1, now).await?.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorCode::Conflict, "a server runs on the target")
        .with_hint("stop every server on it; one that was killed counts as gone within its lease"))
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

/// Writes a page, and how far the copy has come with it, in one transaction.
pub(super) async fn write(
    to: &dyn Portable,
    page: Vec<Piece>,
    progress: &mut Progress,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut import = Import { now, ..Import::default() };
    for piece in page {
        progress.pieces.count(&piece);
        match piece {
            Piece::Deployment(whole) => import.deployments.push(*whole),
            Piece::Run(whole) => import.runs.push(*whole),
            Piece::Record(record) => import.records.push(record),
        }
    }
    let value = serde_json::to_vec(progress)
        .map_err(|error| Error::internal("the progress of the copy cannot be written", error))?;
    import.records.push(WholeRecord {
        namespace: space(),
        key: KEY.to_owned(),
        value: Bytes::from(value),
        expires_at: None,
    });
    to.import(import).await
}

/// Ends a copy: from here on the store is one like any other.
pub(super) async fn end(to: &dyn Portable, now: DateTime<Utc>) -> Result<()> {
    to.delete_record(&space(), KEY, Expect::Any, now).await.map(drop)
}
