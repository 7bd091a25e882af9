//! Which secrets a user has released to a deployment's scripts.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use wren_core::clock::{Clock, SystemClock};
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};

use super::options::SecretPolicy;

/// How many releases are read at once.
const PAGE: usize = 500;

/// The secrets that owners have released, each to one deployment: a [`SecretPolicy`] on any record store.
///
/// ```
/// # async fn example() -> wren_core::Result<()> {
/// use std::sync::Arc;
///
/// use chrono::Utc;
/// use wren_core::memory::MemoryStore;
/// use wren_core::{DeploymentId, OwnerId};
/// use wren_integrations::{ReleasedSecrets, SecretPolicy as _};
///
/// let released = ReleasedSecrets::new(Arc::new(MemoryStore::new()));
/// let (ada, deployment) = (OwnerId::new("ada").expect("a name"), DeploymentId::new());
/// assert!(!released.releases(&ada, deployment, "ftp_password").await?);
/// released.release(&ada, deployment, "ftp_password", Utc::now()).await?;
/// assert!(released.releases(&ada, deployment, "ftp_password").await?);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().expect("a runtime").block_on(example()).expect("the example");
/// ```
#[derive(Clone)]
pub struct ReleasedSecrets {
    records: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for ReleasedSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReleasedSecrets").finish_non_exhaustive()
    }
}

impl ReleasedSecrets {
    /// Keeps releases in a record store.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>) -> Self {
        Self { records, clock: Arc::new(SystemClock) }
    }

    /// Releases an owner's secret to a deployment, until it is withdrawn. Doing it twice is no error.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a name that no credential has; `STORE_UNAVAILABLE`.
    pub async fn release(
        &self,
        owner: &OwnerId,
        deployment: DeploymentId,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        check_name(name)?;
        let value = Bytes::from(now.to_rfc3339());
        self.records.put_record(&space(owner), &key(deployment, name), value, PutOptions::at(now)).await?;
        tracing::info!(target: "wren::audit", owner = owner.as_str(), %deployment, name, "secret released");
        Ok(())
    }

    /// Takes a release back; says whether there was one. Runs that have the secret keep it until they end.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn withdraw(
        &self,
        owner: &OwnerId,
        deployment: DeploymentId,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let withdrawn = self.records.delete_record(&space(owner), &key(deployment, name), Expect::Any, now).await?;
        if withdrawn {
            tracing::info!(target: "wren::audit", owner = owner.as_str(), %deployment, name, "secret withdrawn");
        }
        Ok(withdrawn)
    }

    /// Lists an owner's releases: the deployment and the name of each.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn list(&self, owner: &OwnerId, now: DateTime<Utc>) -> Result<Vec<(DeploymentId, String)>> {
        let mut listed = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.records.record_keys(&space(owner), "", after.as_deref(), PAGE, now).await?;
            listed.extend(page.iter().filter_map(|record| {
                let (deployment, name) = record.key.split_once('/')?;
                Some((deployment.parse().ok()?, name.to_owned()))
            }));
            if page.len() < PAGE {
                return Ok(listed);
            }
            after = page.last().map(|record| record.key.clone());
        }
    }
}

#[async_trait]
impl SecretPolicy for ReleasedSecrets {
    async fn releases(&self, owner: &OwnerId, deployment: DeploymentId, name: &str) -> Result<bool> {
        // A name with a slash in it is in no record, whatever it is put together with.
        let found = self.records.record(&space(owner), &key(deployment, name), self.clock.now()).await?;
        Ok(found.is_some() && !name.contains('/'))
    }
}

/// Refuses what no credential is named.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_name = (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if is_name {
        return Ok(());
    }
    Err(Error::new(ErrorCode::InvalidRequest, "this is no name of a credential")
        .with_hint("names have 1 to 128 letters, digits or `._-`"))
}

fn space(owner: &OwnerId) -> Namespace {
    Namespace::owned(owner, "released")
}

fn key(deployment: DeploymentId, name: &str) -> String {
    format!("{deployment}/{name}")
}

#[cfg(test)]
mod tests {
    use wren_core::memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_release_is_of_one_owner_deployment_and_name() {
        let released = ReleasedSecrets::new(Arc::new(MemoryStore::new()));
        let (ada, bob) = (OwnerId::new("ada").unwrap(), OwnerId::new("bob").unwrap());
        let (one, other) = (DeploymentId::new(), DeploymentId::new());
        let now = Utc::now();
        released.release(&ada, one, "key", now).await.unwrap();
        released.release(&ada, one, "key", now).await.unwrap();
        assert!(released.releases(&ada, one, "key").await.unwrap());
        for (owner, deployment, name) in [(&bob, one, "key"), (&ada, other, "key"), (&ada, one, "ke"), (&ada, one, "")]
        {
            assert!(!released.releases(owner, deployment, name).await.unwrap(), "{owner} {name}");
        }
        assert_eq!(released.list(&ada, now).await.unwrap(), [(one, "key".to_owned())]);
        assert!(released.withdraw(&ada, one, "key", now).await.unwrap());
        assert!(!released.withdraw(&ada, one, "key", now).await.unwrap());
        assert!(!released.releases(&ada, one, "key").await.unwrap());
        for name in ["", "a/b", "a b", &"x".repeat(129)] {
            let error = released.release(&ada, one, name, now).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest);
        }
    }
}
