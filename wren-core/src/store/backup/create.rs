//! Writing a backup.

use std::path::Path;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::file::Begun;
use super::line::{End, Header, Line};
use super::restore::read;
use super::{BackupSummary, FORMAT};
use crate::error::{Error, Result};
use crate::store::Portable;
use crate::store::copying::refuse_unfinished;
use crate::store::kit::{failpoint, trimmed};
use crate::store::pieces::{Pieces, Sum, Walked, digits};

/// Writes everything of a store, as it is at one moment, into a file that is not there yet.
///
/// What others write meanwhile is not in it. The file is read again before it gets its name, and compared with what the store gave: it
/// is there and good, or not there. `report` is called after every page. The thread that polls this waits for the disk.
///
/// # Errors
/// `CONFLICT` when the file exists, or when the store is one of an [unfinished copy](crate::store::unfinished_copy); `STORE_UNAVAILABLE` when the store or the disk fails. No file is left.
pub async fn create_backup(
    from: &dyn Portable,
    path: &Path,
    now: DateTime<Utc>,
    report: &mut (dyn FnMut(Pieces) + Send),
) -> Result<BackupSummary> {
    let mut file = Begun::new(path)?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut write = |file: &mut Begun, line: Vec<u8>| {
        hash.update(&line);
        bytes += line.len() as u64;
        file.write(&line)
    };
    let header = Header {
        wren_backup: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        store: from.name().to_owned(),
        created_at: trimmed(now),
    };
    write(&mut file, text(&header)?)?;
    let snapshot = from.snapshot().await?;
    refuse_unfinished(&*snapshot, now).await?;
    let (mut sum, mut walked) = (Sum::default(), Walked::default());
    while !walked.is_done {
        failpoint("backup page");
        for piece in walked.next(&*snapshot, now).await? {
            sum.add(&piece)?;
            write(&mut file, text(&Line::of(piece)?)?)?;
        }
        report(sum.pieces);
    }
    file.write(&text(&Line::End(End::new(sum.pieces, bytes, digits(hash))))?)?;
    failpoint("backup written");
    let (summary, found) = read(file.sync()?, Some)?;
    if (found.pieces, found.sha256()) != (sum.pieces, sum.sha256()) {
        return Err(Error::internal("the backup reads back as something else", "its hash differs from the store's")
            .with_hint("look at the memory and the disk of this machine; no backup was made"));
    }
    file.keep()?;
    failpoint("backup kept");
    Ok(summary)
}

fn text<T: serde::Serialize>(line: &T) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line).map_err(|error| Error::internal("a line has no JSON", error))?;
    text.push(b'\n');
    Ok(text)
}
