//! Whether an owner's integrations are ready for a script.

use std::collections::HashSet;

use futures::future::join_all;

use super::Engine;
use super::inner::Inner;
use crate::error::Result;
use crate::id::OwnerId;
use crate::integration::IntegrationReport;

/// A credential that ends within this many days is warned about.
const WARN_DAYS: i64 = 7;

impl Engine {
    /// Checks that the owner has configured and authorised each integration, and with a
    /// [probe](super::EngineBuilder::probe) that its service takes the credential.
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
    let mut probed = Vec::new();
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
                if inner.probe.is_some() {
                    probed.push(status.clone());
                }
                if let Some(end) = ends.filter(|end| *end - now < chrono::TimeDelta::days(WARN_DAYS)) {
                    report.warnings.push(format!("the authorisation of {} ends at {end}", integration.title));
                }
            }
        }
    }
    if let Some(probe) = &inner.probe {
        for found in join_all(probed.iter().map(|status| probe.probe(owner, status))).await {
            report.extend(found);
        }
    }
    Ok(report)
}
