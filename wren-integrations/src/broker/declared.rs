//! The hosts that a script declares for itself: `egress` in its `[tool.wren]` block.

use std::sync::Arc;

use async_trait::async_trait;
use wren_core::egress::HostPattern;
use wren_core::host::RunContext;
use wren_core::store::DeploymentStore;
use wren_core::{Error, ErrorCode, Result};

use super::egress::{AllowedHosts, EgressPolicy};

/// Holds each script to the hosts that it declares, and all of them to those of the platform. A script that declares none
/// may ask what the platform allows.
///
/// What a script declares protects its owner from what the script reads, say a page that talks the model into sending data
/// away; it is no bound on the script's author, who may declare anything.
#[derive(Debug, Clone)]
pub struct DeclaredHosts {
    deployments: Arc<dyn DeploymentStore>,
    platform: AllowedHosts,
}

impl DeclaredHosts {
    /// Reads what scripts declare in a store.
    #[must_use]
    pub fn new(deployments: Arc<dyn DeploymentStore>, platform: AllowedHosts) -> Self {
        Self { deployments, platform }
    }
}

#[async_trait]
impl EgressPolicy for DeclaredHosts {
    async fn hosts(&self, context: &RunContext) -> Result<AllowedHosts> {
        // Of the revision that runs: a later one may declare others.
        let revision = self.deployments.revision(&context.owner, context.deployment_id, context.revision).await?;
        let declared = &revision.manifest.settings.egress;
        if declared.is_empty() {
            return Ok(self.platform.clone());
        }
        let read = |text: &String| {
            // Checked when it was deployed.
            HostPattern::parse(text).map_err(|error| Error::new(ErrorCode::Internal, error.message().to_owned()))
        };
        let declared = declared.iter().map(read).collect::<Result<Vec<_>>>()?;
        let of = |platform: &[HostPattern], declared: Vec<HostPattern>| -> Vec<HostPattern> {
            declared.into_iter().filter(|one| platform.iter().any(|pattern| pattern.covers(one))).collect()
        };
        Ok(match &self.platform {
            // Named by the script alone, which opens nothing that is not open anyway.
            AllowedHosts::AnyPublic => AllowedHosts::OnlyPublic(declared),
            AllowedHosts::OnlyPublic(platform) => AllowedHosts::OnlyPublic(of(platform, declared)),
            AllowedHosts::Only(platform) => AllowedHosts::Only(of(platform, declared)),
        })
    }
}
