//! What the benchmarks put into stores: deployments, put there directly, since what a script says is not measured, and due
//! times of their triggers.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use wren_core::deploy::sha256_hex;
use wren_core::model::{
    CatchUp, FireKey, Manifest, Overlap, RunPolicy, ScheduleConfig, Trigger, TriggerKind, TriggerSpec,
};
use wren_core::schedule::{Every, Schedule};
use wren_core::store::{Fire, NewTrigger, PutRevision, Store};
use wren_core::{CorrelationId, DeploymentId, DeploymentName, OwnerId, RunId, TriggerId};

use crate::Failure;

/// As many triggers as one script may well have.
const TRIGGERS_OF_ONE: usize = 50;

/// Puts deployments whose triggers are due by these schedules, one each.
pub(crate) async fn deploy(
    store: &dyn Store,
    owner: &OwnerId,
    schedules: &[Schedule],
    script: &str,
) -> Result<Vec<Trigger>, Failure> {
    let mut deployed = Vec::new();
    for schedules in schedules.chunks(TRIGGERS_OF_ONE) {
        let revision = revision(format!("deployment-{}", deployed.len()), schedules, script)?;
        deployed.extend(store.put_revision(owner, revision).await?.triggers);
    }
    Ok(deployed)
}

fn revision(name: String, schedules: &[Schedule], script: &str) -> Result<PutRevision, Failure> {
    let spec = |schedule: &Schedule| TriggerSpec {
        kind: TriggerKind::Schedule,
        func: "main".to_owned(),
        config: serde_json::Map::new(),
        schedule: Some(ScheduleConfig {
            schedule: schedule.clone(),
            catch_up: CatchUp::All,
            catch_up_window_ms: 3_600_000,
            jitter_ms: 0,
        }),
        policy: RunPolicy { overlap: Overlap::Allow, ..RunPolicy::default() },
        max_event_age_ms: None,
    };
    Ok(PutRevision {
        deployment_id: DeploymentId::new(),
        name: DeploymentName::new(name)?,
        only: None,
        script: script.to_owned(),
        script_sha256: sha256_hex(script),
        manifest: Manifest { functions: vec!["main".to_owned()], ..Manifest::default() },
        triggers: schedules.iter().map(|schedule| NewTrigger { id: TriggerId::new(), spec: spec(schedule) }).collect(),
        now: Utc::now(),
    })
}

/// How many due times are recorded in one transaction: as many as the engine hands over at once.
pub(crate) const BATCH: usize = 1_000;
const OWNERS: usize = 100;
const TRIGGERS_OF_EACH: usize = 100;

/// Triggers of many owners, and their due times one after the other.
#[derive(Debug)]
pub(crate) struct Workload {
    start: DateTime<Utc>,
    triggers: Vec<Trigger>,
    next: AtomicUsize,
}

impl Workload {
    /// Deploys triggers that are due every minute.
    pub(crate) async fn deploy(store: &dyn Store) -> Result<Self, Failure> {
        // Ahead of the triggers' cursors, however long deploying takes.
        let start = Utc::now() + TimeDelta::hours(1);
        let schedules = vec![Schedule::every(Every::parse("1m")?, start); TRIGGERS_OF_EACH];
        let owners = (0..OWNERS).map(|number| OwnerId::new(format!("owner-{number}")));
        let owners = owners.collect::<Result<Vec<_>, _>>()?;
        let script = "def main():\n    pass\n";
        let deployed = try_join_all(owners.iter().map(|owner| deploy(store, owner, &schedules, script))).await?;
        Ok(Self { start, triggers: deployed.concat(), next: AtomicUsize::new(0) })
    }

    /// Returns the time at which fires are recorded.
    pub(crate) fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// Returns a time at which every run may be claimed.
    pub(crate) fn end(&self) -> DateTime<Utc> {
        self.start + TimeDelta::days(3_650)
    }

    /// Returns the next due times: all of one minute before those of the next.
    pub(crate) fn batch(&self) -> Vec<Fire> {
        let first = self.next.fetch_add(BATCH, Ordering::Relaxed);
        (first..first + BATCH).map(|number| self.fire(number)).collect()
    }

    fn fire(&self, number: usize) -> Fire {
        let minute = 1 + i64::try_from(number / self.triggers.len()).unwrap_or(i64::MAX);
        let due = self.start + TimeDelta::minutes(minute);
        Fire {
            run_id: RunId::new(),
            trigger_id: self.triggers[number % self.triggers.len()].id,
            key: FireKey::Scheduled(due),
            scheduled_for: due,
            payload: None,
            not_before: due,
            skip: None,
            correlation_id: CorrelationId::generate(),
        }
    }
}
