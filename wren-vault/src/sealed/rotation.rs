//! Rotation: a new generation of the master key, new key-encryption keys, and every data key wrapped anew.
//!
//! The steps, each of which may be done twice, and by several processes at once:
//!
//! 1. The master key advances. From here on every key-encryption key that is made is wrapped by the new generation.
//! 2. For each owner: a new key-encryption key becomes current, every credential is written anew under it, and the old ones
//!    are dropped. The order of writers that [`keyring`](crate::keyring) describes is why no write is lost in between.
//! 3. The old generations of the master key are retired, once nothing is wrapped by them.

use chrono::{DateTime, Utc};
use wren_core::store::Expect;
use wren_core::{ErrorCode, OwnerId, Result};

use super::SealedVault;
use super::progress::{Progress, RotationPhase};
use super::shelf::{PAGE, SealedShelf};
use crate::error::damaged;
use crate::frame::Frame;
use crate::keyring;
use crate::record::{self, Place};

impl SealedVault {
    /// Rotates, or goes on with the rotation that was begun; returns how many credentials were wrapped anew.
    pub(crate) async fn rotate_all(&self, now: DateTime<Utc>) -> Result<u64> {
        self.custodian.shelf.rotate(now).await
    }
}

impl SealedShelf {
    async fn rotate(&self, now: DateTime<Utc>) -> Result<u64> {
        let mut joined: Option<Progress> = None;
        loop {
            let Some((progress, version)) = Progress::read(&*self.records).await? else {
                if let Some(ended) = joined {
                    return Ok(ended.done);
                }
                Progress::begin(now)?.write(&*self.records, Expect::Absent).await?;
                continue;
            };
            // Another process has ended this rotation, and somebody began the next.
            if joined.as_ref().is_some_and(|joined| joined.id != progress.id) {
                return Ok(joined.map_or(0, |joined| joined.done));
            }
            match self.step(progress.clone()).await? {
                // When another process wrote first, what it wrote is gone on from.
                Some(next) => {
                    next.write(&*self.records, Expect::Version(version)).await?;
                }
                None => {
                    if Progress::end(&*self.records, version).await? {
                        return Ok(progress.done);
                    }
                }
            }
            joined = Some(progress);
        }
    }

    /// Does one step and returns what to go on with; `None` when it was the last.
    async fn step(&self, progress: Progress) -> Result<Option<Progress>> {
        let master = &self.keyring.masters.current;
        match progress.phase {
            RotationPhase::Advancing => {
                let to = Some(master.advance(&progress.id).await?);
                Ok(Some(Progress { phase: RotationPhase::Rewrapping, to, ..progress }))
            }
            RotationPhase::Rewrapping => match keyring::next_owner(&*self.records, progress.after.as_deref()).await? {
                Some(owner) => {
                    let done = progress.done + self.rewrap_owner(&owner, &progress.id).await?;
                    Ok(Some(Progress { after: Some(owner.as_str().to_owned()), done, ..progress }))
                }
                None => Ok(Some(Progress { phase: RotationPhase::Retiring, ..progress })),
            },
            RotationPhase::Retiring => {
                let to = progress.to.clone().unwrap_or_default();
                if self.anything_before(&to).await? {
                    // No way to here is known. To retire the key would be to lose what it wraps.
                    let again = Progress { phase: RotationPhase::Rewrapping, after: None, done: 0, ..progress };
                    return Ok(Some(again));
                }
                master.retire_before(&to).await?;
                Ok(None)
            }
        }
    }

    /// Says whether any key-encryption key is wrapped by a generation before this one, or by another source.
    async fn anything_before(&self, generation: &str) -> Result<bool> {
        let master = &self.keyring.masters.current;
        let generations = master.generations().await?;
        let before: Vec<String> = generations.into_iter().take_while(|other| other != generation).collect();
        let source = master.source();
        let old = |entry: &keyring::Entry| entry.source != source || before.contains(&entry.generation);
        keyring::any_entry(&*self.records, old).await
    }

    /// Wraps an owner's credentials under a new key-encryption key and drops the old ones; returns how many.
    async fn rewrap_owner(&self, owner: &OwnerId, rotation: &str) -> Result<u64> {
        loop {
            let ring = self.keyring.renew(owner, rotation).await?;
            let (mut done, mut after) = (0, None::<String>);
            loop {
                let page = self.integrations(owner, after.as_deref()).await?;
                for integration in &page {
                    done += u64::from(self.rewrap(owner, integration).await?);
                }
                match page.last() {
                    Some(last) if page.len() == PAGE => after = Some(last.clone()),
                    _ => break,
                }
            }
            // Had the ring changed, something may have been written under a key that is no longer the current one.
            if self.keyring.keep_current(owner, ring).await? {
                return Ok(done);
            }
        }
    }

    /// Writes one credential under the current key; false when it was deleted. What does not open stops the rotation:
    /// dropping its key would make the damage final.
    async fn rewrap(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        let mut refused = None;
        loop {
            let Some(found) = self.record(owner, integration).await? else { return Ok(false) };
            let frame = Frame::decode(&found.value).ok_or_else(|| damaged(owner, integration))?;
            let there = !frame.is_empty();
            let rewrapped = match self.rewrapped(owner, integration, frame).await {
                Ok(rewrapped) => rewrapped,
                // Another process that rotates may have dropped the key after the record was read.
                Err(error) if error.code() == ErrorCode::CredentialDamaged && refused != Some(found.version) => {
                    refused = Some(found.version);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(frame) = rewrapped else { return Ok(there) };
            if self.write(owner, integration, &frame, Expect::Version(found.version)).await? {
                return Ok(there);
            }
        }
    }

    /// Returns the frame under the current key; `None` when it is already. An empty frame is returned as it is, to be
    /// written all the same: a writer that has read it must lose the race for its version.
    async fn rewrapped(&self, owner: &OwnerId, integration: &str, mut frame: Frame) -> Result<Option<Frame>> {
        let (id, current) = self.keyring.current(owner).await?;
        let mut changed = frame.is_empty();
        let version = frame.version;
        for (field, sealed) in &mut frame.fields {
            let damaged = || damaged(owner, integration);
            let wrapping = record::wrapping_of(sealed).ok_or_else(damaged)?;
            if wrapping == id {
                continue;
            }
            let old = self.keyring.key(owner, wrapping).await?.ok_or_else(damaged)?;
            let place = Place { owner, integration, field, version };
            *sealed = record::rewrap(&old, (id, &current), place, sealed)?.ok_or_else(damaged)?;
            changed = true;
        }
        Ok(changed.then_some(frame))
    }
}
