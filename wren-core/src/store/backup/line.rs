//! The lines of a backup, and the pieces they hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::OwnerId;
use crate::model::{Attempt, LogEntry, Run};
use crate::store::kit::{json, parsed};
use crate::store::pieces::{Piece, Pieces, namespace};
use crate::store::{WholeDeployment, WholeRecord, WholeRun};

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) wren_backup: u32,
    pub(super) program: String,
    pub(super) store: String,
    pub(super) created_at: DateTime<Utc>,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Deployment(Box<WholeDeployment>),
    Run(Box<RunLine>),
    Record(RecordLine),
    End(End),
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) deployments: u64,
    pub(super) runs: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl End {
    pub(super) fn new(pieces: Pieces, bytes: u64, sha256: String) -> Self {
        let Pieces { deployments, runs, records } = pieces;
        Self { deployments, runs, records, bytes, sha256 }
    }
}

/// A run. What the script was given, returned and said of its errors are texts of their own: nested as deeply as a parser takes, they
/// would be too deep for one within this line.
#[derive(Serialize, Deserialize)]
pub(super) struct RunLine {
    run: Run,
    payload: Option<String>,
    result: Option<String>,
    /// In format 1 the errors stand in the run and its attempts.
    #[serde(default)]
    error: Option<String>,
    attempts: Vec<Attempt>,
    #[serde(default)]
    attempt_errors: Vec<Option<String>>,
    logs: Vec<LogEntry>,
}

/// A record, with its value in Base64.
#[derive(Serialize, Deserialize)]
pub(super) struct RecordLine {
    owner: Option<OwnerId>,
    space: String,
    key: String,
    value: String,
    expires_at: Option<DateTime<Utc>>,
}

impl Line {
    /// Writes a piece.
    pub(super) fn of(piece: Piece) -> Result<Self> {
        Ok(match piece {
            Piece::Deployment(whole) => Self::Deployment(whole),
            Piece::Run(whole) => {
                let WholeRun { mut run, mut attempts, logs } = *whole;
                let payload = run.payload.take().as_ref().map(json).transpose()?;
                let result = run.result.take().as_ref().map(json).transpose()?;
                let error = run.error.take().as_ref().map(json).transpose()?;
                let errors = attempts.iter_mut().map(|attempt| attempt.error.take().as_ref().map(json).transpose());
                let attempt_errors = errors.collect::<Result<_>>()?;
                Self::Run(Box::new(RunLine { run, payload, result, error, attempts, attempt_errors, logs }))
            }
            Piece::Record(WholeRecord { namespace, key, value, expires_at }) => Self::Record(RecordLine {
                owner: namespace.owner().cloned(),
                space: namespace.name().to_owned(),
                key,
                value: BASE64.encode(value),
                expires_at,
            }),
        })
    }

    /// Reads a piece, or the end.
    pub(super) fn into_piece(self) -> Result<Result<Piece, End>> {
        Ok(Ok(match self {
            Self::End(end) => return Ok(Err(end)),
            Self::Deployment(whole) => Piece::Deployment(whole),
            Self::Run(line) => {
                let RunLine { mut run, payload, result, error, mut attempts, attempt_errors, logs } = *line;
                run.payload = payload.map(|text| parsed("payload", &text)).transpose()?;
                run.result = result.map(|text| parsed("result", &text)).transpose()?;
                if let Some(text) = error {
                    run.error = Some(parsed("error", &text)?);
                }
                for (attempt, text) in attempts.iter_mut().zip(attempt_errors) {
                    if let Some(text) = text {
                        attempt.error = Some(parsed("error", &text)?);
                    }
                }
                Piece::Run(Box::new(WholeRun { run, attempts, logs }))
            }
            Self::Record(RecordLine { owner, space, key, value, expires_at }) => Piece::Record(WholeRecord {
                namespace: namespace(owner.as_ref(), &space),
                key,
                value: BASE64.decode(value).map_err(|error| Error::internal("a value is not Base64", error))?.into(),
                expires_at,
            }),
        }))
    }
}
