//! Refreshing a credential: by one caller of a process, by one process of many, and never lost on the way.
//!
//! A provider may take a refresh token once only, and revoke everything when it sees one twice. Hence the order: the claim,
//! the credential read again, the audit entry, the provider, and the answer kept before anybody gets the secret. The work is
//! a task of its own, which a caller that goes away does not stop between the provider's answer and its being kept. A process
//! that dies there leaves a used token behind: the next attempt is refused, that is kept, too, and nobody asks again until
//! the user has connected the integration anew.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use secrecy::SecretString;
use wren_core::vault::{AccessPurpose, NewCredential, REFRESH_TOKEN_FIELD, Refreshing};
use wren_core::{Error, ErrorCode, OwnerId, Result};

use crate::claim::Claim;
use crate::custodian::Custodian;
use crate::error::is_conflict;
use crate::shelf::{Credential, Kept, Shelf, Wanted};

/// How long a provider may take. Shorter than a claim holds.
const PROVIDER: Duration = Duration::from_secs(30);
/// How long a caller waits for another process that refreshes: longer than its claim can hold.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often an answer is tried to be kept: it cannot be had again.
const ATTEMPTS: u32 = 6;
const POLL: Duration = Duration::from_millis(100);

/// By what a secret is known to be one that must be replaced.
#[derive(Debug, Clone)]
pub(crate) enum Stale {
    /// It ends by then, and is the version that the caller has seen. One that came since is good enough while it is good: a
    /// provider whose secrets never last until then would be asked once by each of many callers.
    EndsBy { at: DateTime<Utc>, seen: u64 },
    /// The provider refused it.
    Refused(SecretString),
}

impl Stale {
    fn is(&self, kept: &Kept, now: DateTime<Utc>) -> bool {
        match self {
            Self::EndsBy { at, seen } => kept.has_ended(*at) && (kept.version == *seen || kept.has_ended(now)),
            Self::Refused(secret) => kept.is_secret(secret),
        }
    }
}

/// What became of a credential that was to be saved.
enum Saved {
    /// It is there, as this version.
    As(u64),
    /// Another one is.
    Not(Kept),
}

type Lock = tokio::sync::Mutex<()>;

/// One lock per credential that is being refreshed in this process.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<(OwnerId, String), Weak<Lock>>>);

impl Flights {
    fn lock(&self, owner: &OwnerId, integration: &str) -> Arc<Lock> {
        let mut flights = self.0.lock();
        flights.retain(|_, lock| lock.strong_count() > 0);
        let entry = flights.entry((owner.clone(), integration.to_owned())).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let lock = Arc::new(Lock::default());
            *entry = Arc::downgrade(&lock);
            lock
        })
    }
}

/// One caller's wish for a newer secret.
struct Flight<S> {
    custodian: Arc<Custodian<S>>,
    owner: OwnerId,
    integration: String,
    stale: Stale,
    purpose: AccessPurpose,
    now: DateTime<Utc>,
    began: Instant,
}

impl<S: Shelf> Custodian<S> {
    /// Returns the credential, refreshed if it is still the stale one when it is this caller's turn.
    pub(crate) async fn refreshed(
        self: &Arc<Self>,
        owner: &OwnerId,
        integration: &str,
        stale: Stale,
        purpose: &AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<Kept> {
        let flight = Flight {
            custodian: Arc::clone(self),
            owner: owner.clone(),
            integration: integration.to_owned(),
            stale,
            purpose: AccessPurpose { what: "refresh".to_owned(), ..purpose.clone() },
            now,
            began: Instant::now(),
        };
        let task = tokio::spawn(flight.fly());
        task.await.map_err(|error| Error::internal("a credential's refresh was broken off", error))?
    }
}

impl<S: Shelf> Flight<S> {
    /// The caller's time, which goes on while it waits.
    fn now(&self) -> DateTime<Utc> {
        self.now + TimeDelta::from_std(self.began.elapsed()).unwrap_or_default()
    }

    fn is_stale(&self, kept: &Kept) -> bool {
        self.stale.is(kept, self.now())
    }

    async fn load(&self) -> Result<Kept> {
        self.custodian.load(&self.owner, &self.integration, Wanted::Everything).await
    }

    async fn fly(self) -> Result<Kept> {
        let lock = self.custodian.flights.lock(&self.owner, &self.integration);
        let _turn = lock.lock().await;
        let records = &*self.custodian.records;
        loop {
            let kept = self.load().await?;
            if !self.is_stale(&kept) {
                return Ok(kept);
            }
            if !self.custodian.is_renewable(&kept) {
                return Err(self.custodian.integrations.ended_credential(&self.integration));
            }
            if let Some(claim) = Claim::take(records, &self.owner, &self.integration, self.now()).await? {
                let refreshed = self.refresh_claimed().await;
                claim.release(records, self.now()).await;
                return refreshed;
            }
            if self.began.elapsed() > PATIENCE {
                let message = format!("`{}` is being refreshed by another process for too long", self.integration);
                return Err(Error::new(ErrorCode::StoreUnavailable, message));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn refresh_claimed(&self) -> Result<Kept> {
        // Another process may have ended its refresh between the look at the credential and the claim.
        let kept = self.load().await?;
        if !self.is_stale(&kept) {
            return Ok(kept);
        }
        let ended = || self.custodian.integrations.ended_credential(&self.integration);
        let refreshing =
            kept.refreshing(&self.owner).filter(|_| self.custodian.is_renewable(&kept)).ok_or_else(ended)?;
        self.custodian.write_audit(&self.owner, REFRESH_TOKEN_FIELD, &kept, &self.purpose, self.now()).await?;
        match self.ask(&refreshing).await {
            Ok(answer) => self.keep(&kept, refreshing.answered(answer)).await,
            Err(error) if error.code() == ErrorCode::OauthTokenExpired => self.keep_refusal(&kept, error).await,
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, refreshing: &Refreshing) -> Result<NewCredential> {
        let refresher = self.custodian.refresher.as_ref();
        let refresher =
            refresher.ok_or_else(|| Error::internal("no refresher", "a credential was taken for renewable"))?;
        tokio::time::timeout(PROVIDER, refresher.refresh(refreshing, self.now())).await.unwrap_or_else(|_| {
            let message = format!("the provider of `{}` did not answer in time", self.integration);
            Err(Error::new(ErrorCode::Internal, message).with_retryable(true))
        })
    }

    /// Keeps the provider's answer. Whoever put another credential meanwhile wins: the user knows better.
    async fn keep(&self, over: &Kept, answer: NewCredential) -> Result<Kept> {
        let credential = Credential::from(answer);
        let mut attempt = 1;
        loop {
            match self.save_over(over, &credential).await {
                Ok(Saved::As(version)) => {
                    let position = over.position;
                    return Ok(Kept { integration: self.integration.clone(), version, position, credential });
                }
                // After an attempt whose answer was lost, the credential that is there may be this very one.
                Ok(Saved::Not(there)) => return Ok(there),
                Err(error) if attempt >= ATTEMPTS || error.code() == ErrorCode::IntegrationNotConfigured => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(error = error.chain(), attempt, "a refreshed credential was not kept yet");
                    tokio::time::sleep(POLL * 2u32.pow(attempt)).await;
                    attempt += 1;
                }
            }
        }
    }

    /// Keeps that the provider refuses the refresh token for good, unless the credential is another one by now.
    async fn keep_refusal(&self, kept: &Kept, error: Error) -> Result<Kept> {
        let mut credential = kept.credential.clone();
        credential.about.refused = true;
        if matches!(self.stale, Stale::Refused(_)) {
            // The service refused the secret, too. By its time it could look good for long, and be used in vain.
            let end = credential.about.expires_at;
            credential.about.expires_at = Some(end.map_or(self.now, |end| end.min(self.now)));
        }
        match self.save_over(kept, &credential).await {
            Ok(Saved::Not(there)) if !self.is_stale(&there) => Ok(there),
            Ok(_) => Err(error),
            // Had it not been kept, the provider would be asked once more, and refuse once more.
            Err(failed) => {
                tracing::warn!(error = failed.chain(), "that a refresh token was refused was not kept");
                Err(error)
            }
        }
    }

    /// Saves a credential in place of another, unless a third one is there by now.
    async fn save_over(&self, over: &Kept, credential: &Credential) -> Result<Saved> {
        let mut position = over.position;
        loop {
            let saved = self.custodian.shelf.save(&self.owner, &self.integration, credential, Some(position)).await;
            match saved {
                Ok(version) => return Ok(Saved::As(version)),
                Err(error) if is_conflict(&error) => {
                    let there = self.load().await?;
                    // A rotation writes a credential anew as it is. Were that taken for another one, the provider's answer
                    // would be dropped, and the refresh token that it has spent would stay.
                    if there.version != over.version {
                        return Ok(Saved::Not(there));
                    }
                    position = there.position;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
