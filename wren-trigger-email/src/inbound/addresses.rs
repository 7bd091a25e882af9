//! The addresses that mail is handed over to: one for each deployment that asked for one.
//!
//! An address is 128 random bits, so that none is ever guessed or found by trying, and says nothing of whose it is. Its secret
//! is the owner's credential `inbound_<deployment>`: it has to be read for each delivery, and the vault is where what can be
//! read is sealed and its use is written down.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use wren_core::source::OpenedAddress;
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore};
use wren_core::vault::{AccessPurpose, CredentialVault, NewCredential};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};

use super::audit;

/// How long the secret before is good for: until the sender has got the new one.
const GRACE: TimeDelta = TimeDelta::hours(24);
/// The fields of a credential that hold the secret before, and its end in seconds since 1970.
const PREVIOUS: &str = "previous";
const PREVIOUS_UNTIL: &str = "previous_until";
/// How many addresses are read at once.
const PAGE: usize = 1_000;

/// What may be shown of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundAddress {
    /// The address.
    pub address: String,
    /// Whose it is.
    pub owner: OwnerId,
    /// The deployment whose triggers its mail may fire.
    pub deployment_id: DeploymentId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Makes, finds, lists and revokes addresses on any record store, with their secrets in a vault.
#[derive(Clone)]
pub struct InboundAddresses {
    records: Arc<dyn RecordStore>,
    vault: Arc<dyn CredentialVault>,
}

impl fmt::Debug for InboundAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InboundAddresses").finish_non_exhaustive()
    }
}

impl InboundAddresses {
    /// Keeps addresses in a record store, and their secrets in a vault.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>, vault: Arc<dyn CredentialVault>) -> Self {
        Self { records, vault }
    }

    /// Makes the deployment's address, or gives the one that it has a new secret. The secret before is good for another 24
    /// hours. Whether there is such a deployment is for the caller to know.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` and whatever the vault fails with; repeating the call mends what was left half-done.
    pub async fn open(
        &self,
        owner: &OwnerId,
        deployment_id: DeploymentId,
        now: DateTime<Utc>,
    ) -> Result<OpenedAddress> {
        let address = hex(&rand::random::<[u8; 16]>());
        let new = InboundAddress { address, owner: owner.clone(), deployment_id, created_at: now };
        let options = PutOptions::at(now).expecting(Expect::Absent);
        // The owner's list comes first: an address that works is always one that can be revoked.
        let put = self.records.put_record(&listed(owner), &deployment_id.to_string(), encoded(&new)?, options).await;
        let (address, created) = match put {
            Ok(_) => (new, true),
            Err(error) if error.code() == ErrorCode::Conflict => {
                let revoked = || Error::new(ErrorCode::Conflict, "the address was taken away meanwhile");
                (self.of(owner, deployment_id, now).await?.ok_or_else(revoked)?, false)
            }
            Err(error) => return Err(error),
        };
        let secret = self.new_secret(&address, now).await?;
        self.records.put_record(&all(), &address.address, encoded(&address)?, PutOptions::at(now)).await?;
        audit::opened(&address, created);
        Ok(OpenedAddress { address: address.address, secret, created })
    }

    /// Takes the deployment's address away, for good; says whether it had one.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` and whatever the vault fails with; the address works no more all the same once it has begun.
    pub async fn revoke(&self, owner: &OwnerId, deployment_id: DeploymentId, now: DateTime<Utc>) -> Result<bool> {
        let Some(address) = self.of(owner, deployment_id, now).await? else { return Ok(false) };
        self.records.delete_record(&all(), &address.address, Expect::Any, now).await?;
        self.vault.delete(owner, &credential(deployment_id)).await?;
        self.records.delete_record(&listed(owner), &deployment_id.to_string(), Expect::Any, now).await?;
        audit::closed(&address);
        Ok(true)
    }

    /// Lists an owner's addresses, by deployment.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn list(&self, owner: &OwnerId, now: DateTime<Utc>) -> Result<Vec<InboundAddress>> {
        let mut addresses = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.records.records(&listed(owner), "", after.as_deref(), PAGE, now).await?;
            for record in &page {
                addresses.push(decoded(&record.value)?);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                _ => return Ok(addresses),
            }
        }
    }

    /// Returns whose an address is; `None` when there is none.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn find(&self, address: &str, now: DateTime<Utc>) -> Result<Option<InboundAddress>> {
        // What is no address is not looked for: it may be of any length.
        if address.len() != 32 || !address.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        self.records.record(&all(), address, now).await?.map(|record| decoded(&record.value)).transpose()
    }

    /// Returns what deliveries to the address may be signed with: its secret, and the one before while that is good. None when
    /// its credential was taken away.
    pub(super) async fn secrets(&self, address: &InboundAddress, now: DateTime<Utc>) -> Result<Vec<SecretString>> {
        let (owner, name) = (&address.owner, credential(address.deployment_id));
        let purpose = || AccessPurpose::new("inbound.verify");
        let mut secrets = match self.vault.access(owner, &name, purpose(), now).await {
            Ok(secret) => vec![secret],
            Err(error) if error.code() == ErrorCode::IntegrationNotConfigured => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if let Some(until) = self.field(owner, &name, PREVIOUS_UNTIL, now).await?
            && until.expose_secret().parse::<i64>().is_ok_and(|until| now.timestamp() < until)
            && let Some(previous) = self.field(owner, &name, PREVIOUS, now).await?
        {
            secrets.push(previous);
        }
        Ok(secrets)
    }

    /// Puts a new secret into the vault, in the place of the one before, which it keeps for a while.
    async fn new_secret(&self, address: &InboundAddress, now: DateTime<Utc>) -> Result<SecretString> {
        let (owner, name) = (&address.owner, credential(address.deployment_id));
        let before = match self.vault.access(owner, &name, AccessPurpose::new("inbound.rotate"), now).await {
            Ok(secret) => Some(secret),
            Err(error) if error.code() == ErrorCode::IntegrationNotConfigured => None,
            Err(error) => return Err(error),
        };
        let secret: SecretString = hex(&rand::random::<[u8; 32]>()).into();
        let mut new = NewCredential::new(name, secret.clone());
        if let Some(before) = before {
            let until = (now + GRACE).timestamp().to_string();
            new = new.with_field(PREVIOUS, before).with_field(PREVIOUS_UNTIL, until);
        }
        self.vault.put(owner, new, now).await?;
        Ok(secret)
    }

    async fn field(
        &self,
        owner: &OwnerId,
        name: &str,
        field: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<SecretString>> {
        match self.vault.access_field(owner, name, field, AccessPurpose::new("inbound.verify"), now).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::IntegrationNotConfigured) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says whether a deployment has an address.
    pub(crate) async fn is_open(&self, owner: &OwnerId, deployment: DeploymentId, now: DateTime<Utc>) -> Result<bool> {
        Ok(self.of(owner, deployment, now).await?.is_some())
    }

    async fn of(
        &self,
        owner: &OwnerId,
        deployment: DeploymentId,
        now: DateTime<Utc>,
    ) -> Result<Option<InboundAddress>> {
        let found = self.records.record(&listed(owner), &deployment.to_string(), now).await?;
        found.map(|record| decoded(&record.value)).transpose()
    }
}

/// Returns the name of the credential that holds the secret of a deployment's address.
fn credential(deployment: DeploymentId) -> String {
    format!("inbound_{deployment}")
}

/// Every address, by itself.
fn all() -> Namespace {
    Namespace::system("inbound_addresses")
}

/// An owner's addresses, by deployment.
fn listed(owner: &OwnerId) -> Namespace {
    Namespace::owned(owner, "inbound_addresses")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(address: &InboundAddress) -> Result<Bytes> {
    serde_json::to_vec(address).map(Bytes::from).map_err(|error| Error::internal("encoding an address", error))
}

fn decoded(value: &Bytes) -> Result<InboundAddress> {
    serde_json::from_slice(value).map_err(|error| Error::internal("an address's record is not readable", error))
}
