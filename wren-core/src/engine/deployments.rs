//! Deploying, listing, pausing, removing.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::inner::Inner;
use super::{Engine, integrations, nodes, spans};
use crate::deploy::{self, DeployRequest};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{DeploymentId, DeploymentName, OwnerId, TriggerId};
use crate::model::{DeploymentOverview, DeploymentStatus, Page};
use crate::store::{ListDeployments, NewTrigger, PutRevision, SetStatus};

/// Has the plan compared with the store, unless it is settled before it is dropped.
struct Unplanned(Option<Arc<Inner>>);

impl Unplanned {
    fn settled(mut self) {
        self.0 = None;
    }
}

impl Drop for Unplanned {
    fn drop(&mut self) {
        if let Some(inner) = &self.0 {
            inner.triggers_changed();
            inner.reconcile_now.notify_one();
        }
    }
}

/// What a deploy did.
#[derive(Debug, Clone)]
pub struct DeployReceipt {
    /// The deployment as it is now, with its triggers.
    pub overview: DeploymentOverview,
    /// Whether a new revision was stored; false when the same content was deployed before.
    pub changed: bool,
}

impl Engine {
    /// Deploys a script: examines it, stores a revision, registers its triggers.
    ///
    /// The same content again is the same revision. A failed deploy changes nothing: the revision before stays in force.
    /// A deploy whose future is dropped has happened as a whole or not at all.
    ///
    /// # Errors
    /// Everything that is wrong with the script, at once: the first finding, with all in `details.diagnostics`.
    /// `QUOTA_EXCEEDED` when it adds a deployment or triggers beyond the owner's quota, `CONFLICT` when the deployment is paused,
    /// `RATE_LIMITED` when too many deploys are under way, `STORE_UNAVAILABLE`, `EXECUTOR_UNAVAILABLE`.
    pub async fn deploy(&self, owner: &OwnerId, request: DeployRequest) -> Result<DeployReceipt> {
        self.deploy_to(owner, request, None).await
    }

    /// Deploys, as a revision of this deployment only if one is given.
    pub(super) async fn deploy_to(
        &self,
        owner: &OwnerId,
        request: DeployRequest,
        only: Option<DeploymentId>,
    ) -> Result<DeployReceipt> {
        let inner = &self.inner;
        let began = inner.clock.now();
        let examination = {
            let _place = inner.inspections.enter(owner).await?;
            let now = inner.clock.now();
            deploy::examine(request.script.as_bytes(), request.metadata.as_ref(), &inner.rules, now).await?
        };
        let mut diagnostics = examination.diagnostics;
        let name = name(request.name.as_deref(), &examination.manifest);
        let name = name.map_err(|error| diagnostics.push(error)).ok();
        let known: Vec<String> = examination
            .manifest
            .integrations
            .iter()
            .filter(|name| inner.rules.integrations.find(name).is_some())
            .cloned()
            .collect();
        diagnostics.extend(integrations::report(inner, owner, &known).await?.errors);
        if let Some(error) = Error::from_diagnostics(diagnostics) {
            return Err(error);
        }
        let Some(name) = name else { return Err(Error::new(ErrorCode::Internal, "a name without a diagnostic")) };

        let triggers = examination
            .manifest
            .triggers
            .iter()
            .map(|spec| NewTrigger { id: TriggerId::new(), spec: spec.clone() })
            .collect();
        let _turn = inner.quotas.check_deploy(inner, owner, &name, examination.manifest.triggers.len()).await?;
        // Whoever drops this future from here on, or a store that fails after its commit, leaves the planner without word of
        // what was stored.
        let unplanned = Unplanned(Some(Arc::clone(inner)));
        let deployed = inner
            .store
            .put_revision(
                owner,
                PutRevision {
                    deployment_id: DeploymentId::new(),
                    name,
                    only,
                    script_sha256: deploy::sha256_hex(&request.script),
                    script: request.script,
                    manifest: examination.manifest,
                    triggers,
                    now: inner.clock.now(),
                },
            )
            .await?;
        for id in &deployed.removed {
            inner.unplan(id.uuid().as_u128());
        }
        for trigger in &deployed.triggers {
            inner.plan(trigger);
        }
        unplanned.settled();
        spans::deployed(inner, &deployed, began);
        inner.triggers_changed();
        nodes::announce(inner, owner, deployed.deployment.id).await;
        // A deploy ends `needs_attention`, and what was queued meanwhile may go on.
        inner.more_work();
        let overview = match inner.store.deployment(owner, deployed.deployment.id).await {
            Ok(overview) => overview,
            // The deploy is done; only when its latest run was is not known now.
            Err(_) => {
                DeploymentOverview { deployment: deployed.deployment, triggers: deployed.triggers, last_run: None }
            }
        };
        Ok(DeployReceipt { overview, changed: deployed.changed })
    }

    /// Returns a deployment.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        self.inner.store.deployment(owner, id).await
    }

    /// Lists deployments, latest created first.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a foreign page cursor, `STORE_UNAVAILABLE`.
    pub async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        self.inner.store.deployments(owner, options).await
    }

    /// Pauses a deployment: due times are skipped, queued runs wait, runs in progress go on. The pause ends at `until`, or
    /// without it when somebody resumes the deployment. Pausing twice is no error, and the latest `until` counts.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when it is undeployed; `INVALID_REQUEST` when `until` has passed.
    pub async fn pause(
        &self,
        owner: &OwnerId,
        id: DeploymentId,
        reason: Option<String>,
        until: Option<DateTime<Utc>>,
    ) -> Result<DeploymentOverview> {
        if until.is_some_and(|until| until <= self.inner.clock.now()) {
            return Err(Error::new(ErrorCode::InvalidRequest, "the end of the pause has passed")
                .with_hint("give a time in the future, or none for a pause that lasts until it is resumed"));
        }
        set_status(&self.inner, owner, id, DeploymentStatus::Paused, reason, until).await
    }

    /// Makes a paused deployment, or one that needed attention, active again. Resuming twice is no error.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when it is undeployed.
    pub async fn resume(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        let overview = set_status(&self.inner, owner, id, DeploymentStatus::Active, None, None).await?;
        // What was queued when it was paused may go on.
        self.inner.more_work();
        Ok(overview)
    }

    /// Removes a deployment's triggers and cancels what is queued; its history stays, its name is free.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when it is undeployed already.
    pub async fn undeploy(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        let inner = &self.inner;
        let before = inner.store.deployment(owner, id).await?;
        if before.deployment.status == DeploymentStatus::Undeployed {
            return Err(crate::store::is_undeployed(id));
        }
        let overview = set_status(inner, owner, id, DeploymentStatus::Undeployed, None, None).await?;
        for trigger in &before.triggers {
            inner.unplan(trigger.id.uuid().as_u128());
        }
        inner.triggers_changed();
        nodes::announce(inner, owner, id).await;
        // Runs in progress learn of it now, not at the next regular heartbeat.
        inner.look_for_cancelled();
        inner.run_changes.all();
        Ok(overview)
    }
}

async fn set_status(
    inner: &Arc<Inner>,
    owner: &OwnerId,
    id: DeploymentId,
    status: DeploymentStatus,
    reason: Option<String>,
    paused_until: Option<DateTime<Utc>>,
) -> Result<DeploymentOverview> {
    let change = SetStatus { status, reason, action_url: None, paused_until, only_if: None, now: inner.clock.now() };
    inner.store.set_status(owner, id, change).await
}

/// Returns the name asked for, or that of the first function with a trigger, or of the first function.
fn name(asked: Option<&str>, manifest: &crate::model::Manifest) -> Result<DeploymentName> {
    let first = manifest.triggers.first().map(|trigger| trigger.func.as_str());
    let name = asked.or(first).or(manifest.functions.first().map(String::as_str));
    // Without any function the examination has said so already.
    DeploymentName::new(name.unwrap_or("script")).map_err(|error| {
        Error::new(ErrorCode::InvalidRequest, error.to_string()).with_hint("send a `name` of that form")
    })
}
