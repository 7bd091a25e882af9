//! The hosts that a script declares for itself: `egress` in its `[tool.wren]` block.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use wren_core::egress::HostPattern;
use wren_core::host::RunContext;
use wren_core::store::DeploymentStore;
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};

use super::egress::{AllowedHosts, EgressPolicy};

/// How many revisions' hosts are remembered at most, in two halves.
const MOST_KEPT: usize = 1024;

/// Holds each script to the hosts that it declares, and all of them to those of the platform. A script that declares none
/// may ask what the platform allows.
///
/// What a script declares protects its owner from what the script reads, say a page that talks the model into sending data
/// away; it is no bound on the script's author, who may declare anything.
#[derive(Debug, Clone)]
pub struct DeclaredHosts {
    deployments: Arc<dyn DeploymentStore>,
    platform: AllowedHosts,
    known: Arc<Mutex<Known>>,
}

impl DeclaredHosts {
    /// Reads what scripts declare in a store.
    #[must_use]
    pub fn new(deployments: Arc<dyn DeploymentStore>, platform: AllowedHosts) -> Self {
        Self { deployments, platform, known: Arc::default() }
    }
}

/// Of the owner, too, so that what belongs to another one is not found here either.
type Key = (OwnerId, DeploymentId, u32);

/// The hosts of revisions that were asked for lately. A revision never changes, so what is known of one stays true; reading
/// it means reading its whole script.
///
/// Two generations in place of a list by time of use: what is asked for moves to the young one, and when that is full it
/// becomes the old one. Nothing that was asked for within the last half of the room is forgotten.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<Key, Arc<AllowedHosts>>,
    old: HashMap<Key, Arc<AllowedHosts>>,
}

impl Known {
    fn find(&mut self, key: &Key) -> Option<Arc<AllowedHosts>> {
        if let Some(hosts) = self.young.get(key) {
            return Some(Arc::clone(hosts));
        }
        let hosts = self.old.remove(key)?;
        self.keep(key.clone(), Arc::clone(&hosts));
        Some(hosts)
    }

    fn keep(&mut self, key: Key, hosts: Arc<AllowedHosts>) {
        if self.young.len() >= MOST_KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, hosts);
    }
}

impl DeclaredHosts {
    /// Returns what a revision's declared hosts leave of the platform's.
    fn of(&self, declared: &[String]) -> Result<AllowedHosts> {
        if declared.is_empty() {
            return Ok(self.platform.clone());
        }
        let read = |text: &String| {
            // Checked when it was deployed, perhaps by a platform that took more than this one does.
            HostPattern::parse(text).map_err(|error| {
                Error::new(ErrorCode::InvalidMetadata, format!("the script's egress: {}", error.message()))
                    .with_hint(format!("{}, and deploy the script again", error.hint().unwrap_or("write a host")))
            })
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

#[async_trait]
impl EgressPolicy for DeclaredHosts {
    async fn hosts(&self, context: &RunContext) -> Result<AllowedHosts> {
        // Of the revision that runs: a later one may declare others.
        let key = (context.owner.clone(), context.deployment_id, context.revision);
        if let Some(hosts) = self.known.lock().find(&key) {
            return Ok(AllowedHosts::clone(&hosts));
        }
        let revision = self.deployments.revision(&context.owner, context.deployment_id, context.revision).await?;
        let hosts = self.of(&revision.manifest.settings.egress)?;
        self.known.lock().keep(key, Arc::new(hosts.clone()));
        Ok(hosts)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chrono::{DateTime, Utc};
    use wren_core::memory::MemoryStore;
    use wren_core::model::{
        Deployment, DeploymentOverview, Manifest, Page, PageOptions, Revision, RevisionSummary, ScriptSettings, Trigger,
    };
    use wren_core::store::{Deployed, ListDeployments, PutRevision, SetStatus};
    use wren_core::{CorrelationId, RunId, TriggerId};

    use super::*;

    /// Every revision declares one host, named after its number; counts how often one is read.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl DeploymentStore for Counting {
        async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if owner.as_str() != "ada" {
                return Err(wren_core::store::no_deployment(id));
            }
            let settings = ScriptSettings { egress: vec![format!("r{number}.example")], ..ScriptSettings::default() };
            Ok(Revision {
                deployment_id: id,
                number,
                script: String::new(),
                script_sha256: String::new(),
                manifest: Manifest { settings, ..Manifest::default() },
                created_at: DateTime::UNIX_EPOCH,
            })
        }

        async fn put_revision(&self, _: &OwnerId, _: PutRevision) -> Result<Deployed> {
            unreachable!()
        }

        async fn deployment(&self, _: &OwnerId, _: DeploymentId) -> Result<DeploymentOverview> {
            unreachable!()
        }

        async fn deployments(&self, _: &OwnerId, _: ListDeployments) -> Result<Page<DeploymentOverview>> {
            unreachable!()
        }

        async fn revisions(&self, _: &OwnerId, _: DeploymentId, _: PageOptions) -> Result<Page<RevisionSummary>> {
            unreachable!()
        }

        async fn set_status(&self, _: &OwnerId, _: DeploymentId, _: SetStatus) -> Result<DeploymentOverview> {
            unreachable!()
        }

        async fn ended_pauses(&self, _: DateTime<Utc>, _: usize) -> Result<Vec<Deployment>> {
            unreachable!()
        }

        async fn scan_triggers(&self, _: Option<TriggerId>, _: usize) -> Result<Vec<Trigger>> {
            unreachable!()
        }
    }

    fn context(owner: &str, deployment_id: DeploymentId, revision: u32) -> RunContext {
        RunContext {
            run_id: RunId::new(),
            owner: OwnerId::new(owner).unwrap(),
            deployment_id,
            deployment_name: "daily".into(),
            revision,
            trigger: wren_core::model::TriggerKind::Manual,
            trigger_id: None,
            func: "main".into(),
            scheduled_for: DateTime::UNIX_EPOCH,
            attempt: 1,
            idempotency_key: "key".into(),
            correlation_id: CorrelationId::new("corr_test").unwrap(),
            timezone: "UTC".into(),
            secrets: wren_core::redact::RunSecrets::default(),
        }
    }

    #[tokio::test]
    async fn a_revision_is_read_once_and_each_has_its_own_hosts() {
        let store = Arc::new(Counting::default());
        let hosts = DeclaredHosts::new(Arc::<Counting>::clone(&store), AllowedHosts::default());
        let (one, other) = (DeploymentId::new(), DeploymentId::new());
        let of =
            |number: u32| AllowedHosts::OnlyPublic(vec![HostPattern::parse(&format!("r{number}.example")).unwrap()]);
        for _ in 0..3 {
            assert_eq!(hosts.hosts(&context("ada", one, 1)).await.unwrap(), of(1));
            assert_eq!(hosts.hosts(&context("ada", one, 2)).await.unwrap(), of(2));
            assert_eq!(hosts.clone().hosts(&context("ada", other, 1)).await.unwrap(), of(1));
        }
        assert_eq!(store.0.load(Ordering::SeqCst), 3);
        let error = hosts.hosts(&context("bob", one, 1)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
    }

    #[test]
    fn what_is_asked_for_stays_known_and_the_rest_is_forgotten() {
        let (owner, id) = (OwnerId::new("ada").unwrap(), DeploymentId::new());
        let key = |revision: usize| (owner.clone(), id, u32::try_from(revision).unwrap());
        let mut known = Known::default();
        for revision in 0..4 * MOST_KEPT {
            known.keep(key(revision), Arc::default());
            assert!(known.find(&key(0)).is_some(), "after {revision}");
            assert!(known.young.len() + known.old.len() <= MOST_KEPT);
        }
        assert!(known.find(&key(4 * MOST_KEPT - MOST_KEPT / 4)).is_some());
        assert!(known.find(&key(1)).is_none());
    }

    #[test]
    fn what_no_deploy_takes_any_more_is_for_the_script_to_mend() {
        let hosts = DeclaredHosts::new(Arc::new(MemoryStore::new()), AllowedHosts::default());
        let error = hosts.of(&["a.example:8443".to_owned()]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidMetadata);
        assert!(error.hint().unwrap().contains("`a.example`, and deploy"), "{error:?}");
    }
}
