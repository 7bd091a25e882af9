//! What an operator may know of a sealed vault.

use chrono::{DateTime, Utc};
use serde::Serialize;
use wren_core::Result;

use super::SealedVault;
use super::progress::{Progress, RotationPhase};
use super::shelf::PAGE;
use crate::frame::Frame;
use crate::space::{self, TIMELESS};

/// What an operator may know of a sealed vault: counts and ids, nothing of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VaultOverview {
    /// The kind of the master key: `file`, `passphrase`, `transit`.
    pub source: &'static str,
    /// The generations of the master key that still open something, the newest last. Two or more during a rotation.
    pub generations: Vec<String>,
    /// How many credentials there are.
    pub credentials: u64,
    /// How many secrets these have.
    pub secrets: u64,
    /// How many owners have keys of their own.
    pub owners: u64,
    /// The rotation that has begun and not ended.
    pub rotation: Option<RotationOverview>,
}

/// A rotation that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RotationOverview {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What it does.
    pub phase: RotationPhase,
    /// How many credentials are done.
    pub done: u64,
}

impl SealedVault {
    /// Returns what an operator may know of the vault. It opens nothing.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn overview(&self) -> Result<VaultOverview> {
        let shelf = &self.custodian.shelf;
        let master = &shelf.keyring.masters.current;
        let (mut credentials, mut secrets, mut after) = (0, 0, None::<String>);
        loop {
            let page = shelf.records.records(&space::credentials(), "", after.as_deref(), PAGE, TIMELESS).await?;
            for frame in page.iter().filter_map(|record| Frame::decode(&record.value)).filter(|frame| !frame.is_empty())
            {
                credentials += 1;
                // One field says what may be shown; it is no secret.
                secrets += frame.fields.len() as u64 - 1;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                _ => break,
            }
        }
        let rotation = Progress::read(&*shelf.records).await?;
        Ok(VaultOverview {
            source: master.source(),
            generations: master.generations().await?,
            credentials,
            secrets,
            owners: self.owners().await?,
            rotation: rotation.map(|(progress, _)| RotationOverview {
                started_at: progress.started_at,
                phase: progress.phase,
                done: progress.done,
            }),
        })
    }

    async fn owners(&self) -> Result<u64> {
        let (mut owners, mut after) = (0, None::<String>);
        loop {
            let records = &self.custodian.shelf.records;
            let page = records.record_keys(&space::keys(), "", after.as_deref(), 1_000, TIMELESS).await?;
            owners += page.len() as u64;
            match page.last() {
                Some(last) if page.len() == 1_000 => after = Some(last.key.clone()),
                _ => return Ok(owners),
            }
        }
    }
}
