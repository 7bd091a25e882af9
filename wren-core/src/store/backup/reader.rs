//! Reading a backup from its first line to its last, and refusing one that is not whole.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::line::{End, Header, Line};
use super::{BackupSummary, FORMAT};
use crate::error::{Error, ErrorCode, Result};
use crate::store::pieces::{Piece, Pieces, digits};

/// How long the first line may be, in bytes: a file of something else is told by as much.
const LONGEST_HEADER: u64 = 4 * 1024;
/// How long any other may be: more than a run's log and all its texts take.
const LONGEST_LINE: u64 = 1 << 30;
/// What the first line begins with.
const MARK: &[u8] = br#"{"wren_backup":"#;

/// A backup that is being read.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    lines: BufReader<File>,
    header: Header,
    /// Of what was read so far, but for the last line.
    hash: Sha256,
    pieces: Pieces,
    bytes: u64,
    line: u64,
    ended: Option<BackupSummary>,
}

/// The part of a first line that every format has.
#[derive(Deserialize)]
struct Format {
    wren_backup: u32,
}

impl Reader {
    /// Opens a file and reads its first line.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Error::not_found(format!("the backup {}", path.display())),
            _ => Error::new(ErrorCode::StoreUnavailable, format!("{} cannot be read: {error}", path.display())),
        };
        let file = File::open(path).map_err(unreadable)?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut first = Vec::new();
        lines.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut first).map_err(unreadable)?;
        let header = header(&first).map_err(|what| foreign(path, what))?;
        let mut reader = Self {
            path: path.to_owned(),
            lines,
            header,
            hash: Sha256::new(),
            pieces: Pieces::default(),
            bytes: 0,
            line: 1,
            ended: None,
        };
        reader.take(&first);
        Ok(reader)
    }

    /// Reads the next piece; `None` after the last one of a file that is whole.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        if self.ended.is_some() {
            return Ok(None);
        }
        self.line += 1;
        let mut bytes = Vec::new();
        let read = self.lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        read.map_err(|error| {
            let message = format!("{} cannot be read: {error}", self.path.display());
            Error::new(ErrorCode::StoreUnavailable, message)
        })?;
        if bytes.last() != Some(&b'\n') {
            return Err(self.damaged("it ends early"));
        }
        let line: Line = serde_json::from_slice(&bytes).map_err(|error| self.damaged(&error.to_string()))?;
        match line.into_piece().map_err(|error| self.damaged(&error.chain()))? {
            Ok(piece) => {
                self.pieces.count(&piece);
                self.take(&bytes);
                Ok(Some(piece))
            }
            Err(_) => self.end(&bytes).map(|()| None),
        }
    }

    /// Returns what the file is, once its last piece was read.
    pub(super) fn summary(&self) -> Option<&BackupSummary> {
        self.ended.as_ref()
    }

    fn take(&mut self, line: &[u8]) {
        self.hash.update(line);
        self.bytes += line.len() as u64;
    }

    /// Compares the last line with what there should be, to the byte, and makes sure that it is the last.
    fn end(&mut self, found: &[u8]) -> Result<()> {
        let sha256 = digits(self.hash.clone());
        let wanted = Line::End(End::new(self.pieces, self.bytes, sha256.clone()));
        let mut wanted = serde_json::to_vec(&wanted).map_err(|error| Error::internal("a line has no JSON", error))?;
        wanted.push(b'\n');
        if wanted != found {
            return Err(self.damaged("its counts or its SHA-256 are others than its content's"));
        }
        if !matches!(self.lines.fill_buf(), Ok([])) {
            return Err(self.damaged("something comes after its end"));
        }
        self.ended = Some(BackupSummary {
            format: self.header.wren_backup,
            program: self.header.program.clone(),
            store: self.header.store.clone(),
            created_at: self.header.created_at,
            pieces: self.pieces,
            bytes: self.bytes + found.len() as u64,
            sha256,
        });
        Ok(())
    }

    fn damaged(&self, what: &str) -> Error {
        let message = format!("the backup {} is damaged at line {}: {what}", self.path.display(), self.line);
        Error::new(ErrorCode::InvalidRequest, message)
            .with_hint("nothing is restored of a backup that is not whole: use another copy of it, or another backup")
    }
}

/// Reads the first line, or says what the file is instead.
fn header(line: &[u8]) -> std::result::Result<Header, String> {
    let no_backup = || "it is no backup of Wren".to_owned();
    if !line.starts_with(MARK) {
        return Err(no_backup());
    }
    let Format { wren_backup: format } = serde_json::from_slice(line).map_err(|_| no_backup())?;
    if format == 0 || format > FORMAT {
        return Err(format!("its format is {format}, this program knows up to {FORMAT}; use a later one"));
    }
    serde_json::from_slice(line).map_err(|error| format!("its first line is damaged: {error}"))
}

fn foreign(path: &Path, what: String) -> Error {
    Error::new(ErrorCode::InvalidRequest, format!("{}: {what}", path.display()))
        .with_hint("name a file that `wren backup create` wrote; a store's own file is one of `wren store migrate`")
}
