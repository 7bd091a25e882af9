//! Whether an owner's integrations are ready for a script.

use std::collections::HashSet;

use super::Engine;
use super::inner::Inner;
use crate::error::{Error, Result};
use crate::id::OwnerId;

/// What the platform says about a list of integrations.
#[derive(Debug, Default)]
pub struct IntegrationReport {
    /// What keeps a script from running; each error's details hold the `integration`.
    pub errors: Vec<Error>,
    /// What will keep it from running soon.
    pub warnings: Vec<String>,
}

/// A credential that ends within this many days is warned about.
const WARN_DAYS: i64 = 7;

impl Engine {
    /// Checks that the owner has configured and authorised each integration.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the vault cannot be read. What is wrong with an integration is in the report.
    pub async fn validate_integrations(&self, owner: &OwnerId, names: &[String]) -> Result<IntegrationReport> {
        report(&self.inner, owner, names).await
    }
}

pub(super) async fn report(inner: &Inner, owner: &OwnerId, names: &[String]) -> Result<IntegrationReport> {
    let now = inner.clock.now();
    let directory = &inner.rules.integrations;
    let mut report = IntegrationReport::default();
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            continue;
        }
        let Some(integration) = directory.find(name) else {
            report.errors.push(directory.unknown(name));
            continue;
        };
        match inner.vault.status(owner, name, now).await? {
            None => report.errors.push(directory.not_configured(integration)),
            Some(status) if status.is_expired(now) => report.errors.push(directory.expired(integration)),
            Some(status) => {
                let ends = status.expires_at.filter(|_| !status.renewable);
                if let Some(end) = ends.filter(|end| *end - now < chrono::TimeDelta::days(WARN_DAYS)) {
                    report.warnings.push(format!("the authorisation of {} ends at {end}", integration.title));
                }
            }
        }
    }
    Ok(report)
}
