//! Revisions in memory: they are immutable, so what was read once need not be read again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::error::Result;
use crate::executor::Script;
use crate::id::DeploymentId;
use crate::model::Run;
use crate::schedule::Rule;
use crate::store::Store;

/// How many bytes of scripts are kept; past that, all are dropped and the busy ones come back.
const CAPACITY: usize = 64 * 1024 * 1024;

/// What an attempt needs of a revision.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) deployment_name: String,
    pub(super) script: Script,
    /// The zones of the functions' schedules.
    timezones: HashMap<String, &'static str>,
    /// When each schedule was due first after the deploy.
    first_due: HashMap<String, Vec<DateTime<Utc>>>,
}

impl Loaded {
    /// Returns the zone a function's schedule is in, or the script's.
    pub(super) fn timezone(&self, func: &str) -> &str {
        let default = self.script.settings.timezone.as_ref().map_or("UTC", |zone| zone.name());
        self.timezones.get(func).copied().unwrap_or(default)
    }

    /// Says whether a due time of a function's schedule is the first after the revision was deployed.
    pub(super) fn is_first_due(&self, func: &str, at: DateTime<Utc>) -> bool {
        self.first_due.get(func).is_some_and(|first| first.contains(&at))
    }
}

#[derive(Debug, Default)]
pub(super) struct RevisionCache {
    loaded: Mutex<HashMap<(DeploymentId, u32), Arc<Loaded>>>,
    bytes: AtomicUsize,
}

impl RevisionCache {
    /// Returns the revision a run is pinned to.
    pub(super) async fn load(&self, store: &dyn Store, run: &Run) -> Result<Arc<Loaded>> {
        let key = (run.deployment_id, run.revision);
        if let Some(loaded) = self.loaded.lock().get(&key) {
            return Ok(Arc::clone(loaded));
        }
        let revision = store.revision(&run.owner, run.deployment_id, run.revision).await?;
        let deployment = store.deployment(&run.owner, run.deployment_id).await?.deployment;
        let timezones = revision
            .manifest
            .triggers
            .iter()
            .filter_map(|spec| match spec.schedule.as_ref()?.schedule.rule() {
                Rule::Cron { timezone, .. } => Some((spec.func.clone(), timezone.name())),
                _ => None,
            })
            .collect();
        let mut first_due: HashMap<String, Vec<DateTime<Utc>>> = HashMap::new();
        for spec in &revision.manifest.triggers {
            let first = spec.schedule.as_ref().and_then(|spec| spec.schedule.next_after(revision.created_at));
            first_due.entry(spec.func.clone()).or_default().extend(first);
        }
        let loaded = Arc::new(Loaded {
            deployment_name: deployment.name.as_str().to_owned(),
            script: Script::new(revision.script).with_settings(revision.manifest.settings),
            timezones,
            first_due,
        });
        let mut cache = self.loaded.lock();
        let bytes = loaded.script.source.len();
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > CAPACITY {
            cache.clear();
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        cache.insert(key, Arc::clone(&loaded));
        Ok(loaded)
    }
}
