//! Putting a source together.

use std::sync::Arc;

use wren_core::clock::{Clock, SystemClock};
use wren_core::store::RecordStore;
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode, Result};

use super::health::Board;
use super::{Context, EmailOptions, EmailSource};
use crate::imap::Tls;

/// Collects the parts of an [`EmailSource`].
#[derive(Debug)]
#[must_use]
pub struct EmailSourceBuilder {
    vault: Arc<dyn CredentialVault>,
    records: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
    options: EmailOptions,
    authorities: Vec<Vec<u8>>,
}

impl EmailSourceBuilder {
    pub(super) fn new(vault: Arc<dyn CredentialVault>, records: Arc<dyn RecordStore>) -> Self {
        let clock = Arc::new(SystemClock);
        Self { vault, records, clock, options: EmailOptions::default(), authorities: Vec::new() }
    }

    /// Sets the options.
    pub fn options(mut self, options: EmailOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the clock; the machine's without it.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Trusts the certificates of a PEM text besides those that the machine trusts.
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(pem.into());
        self
    }

    /// Builds the source. Nothing is watched yet.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when an option is out of range; `INTEGRATION_NOT_CONFIGURED` when a certificate cannot be read.
    pub fn build(self) -> Result<EmailSource> {
        let Self { vault, records, clock, options, authorities } = self;
        if options.batch == 0 || options.mail_bytes == 0 {
            return Err(Error::new(ErrorCode::InvalidRequest, "batch and mail_bytes are at least 1"));
        }
        if [options.poll, options.patience, options.look, options.lease].iter().any(|time| time.as_millis() < 10) {
            return Err(Error::new(ErrorCode::InvalidRequest, "poll, patience, look and lease are at least 10 ms"));
        }
        let mut tls = Tls::default();
        for authority in &authorities {
            tls.trust(authority)?;
        }
        let node = uuid::Uuid::new_v4().to_string();
        let health = Board::default();
        Ok(EmailSource { context: Arc::new(Context { vault, records, clock, options, tls, health, node }) })
    }
}
