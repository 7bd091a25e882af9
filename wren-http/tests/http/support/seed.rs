//! Putting things into the store as the engine would, at instants that a test chooses.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use wren_core::deploy::sha256_hex;
use wren_core::model::{Completion, Fence, FireKey, Isolation, LogLine, LogStream, Manifest, Run, TriggerSpec};
use wren_core::store::{
    ClaimLimits, ClaimOptions, Deployed, FinishOptions, Fire, Held, NewTrigger, PutRevision, RecordFires,
};
use wren_core::{CorrelationId, DeploymentId, DeploymentName, OwnerId, RunId, TriggerId, WorkerId};

use super::World;

/// A schedule trigger in UTC.
pub(crate) fn schedule(func: &str, cron: &str) -> TriggerSpec {
    serde_json::from_value(json!({
        "type": "schedule",
        "func": func,
        "config": {"cron": cron},
        "schedule": {"schedule": {"cron": cron, "timezone": "UTC"}, "catch_up_window_ms": 3_600_000},
        "policy": {"retries": 2},
    }))
    .unwrap()
}

/// An email trigger.
fn email(func: &str) -> TriggerSpec {
    serde_json::from_value(json!({"type": "email", "func": func, "config": {"subject": "invoice"}, "policy": {}}))
        .unwrap()
}

impl World {
    /// Deploys without the pipeline.
    pub(crate) async fn seed(
        &self,
        owner: &OwnerId,
        name: &str,
        triggers: Vec<TriggerSpec>,
        now: DateTime<Utc>,
    ) -> Deployed {
        let script = format!("# {name}\n");
        let mut functions: Vec<String> = triggers.iter().map(|trigger| trigger.func.clone()).collect();
        functions.push("helper".to_owned());
        let revision = PutRevision {
            deployment_id: DeploymentId::new(),
            name: DeploymentName::new(name).unwrap(),
            only: None,
            script_sha256: sha256_hex(&script),
            script,
            manifest: Manifest {
                integrations: vec!["gmail".to_owned()],
                triggers: triggers.clone(),
                functions,
                ..Manifest::default()
            },
            triggers: triggers.into_iter().map(|spec| NewTrigger { id: TriggerId::new(), spec }).collect(),
            now,
        };
        self.engine.store().put_revision(owner, revision).await.unwrap()
    }

    /// Records that a trigger was due.
    pub(crate) async fn fire(&self, trigger_id: TriggerId, due: DateTime<Utc>) -> RunId {
        let fire = Fire {
            run_id: RunId::new(),
            trigger_id,
            key: FireKey::Scheduled(due),
            scheduled_for: due,
            payload: None,
            not_before: due,
            skip: None,
            correlation_id: CorrelationId::new("corr_fired").unwrap(),
        };
        self.engine.store().record_fires(RecordFires::new(vec![fire], due)).await.unwrap()[0].run_id
    }

    /// Claims what is queued.
    pub(crate) async fn claim(&self, now: DateTime<Utc>) -> Vec<Run> {
        let options = ClaimOptions {
            worker: WorkerId::new("tester").unwrap(),
            now,
            lease: TimeDelta::seconds(60),
            limits: ClaimLimits { batch: 100, per_deployment: 100, per_owner: 100 },
        };
        self.engine.store().claim(options).await.unwrap().runs
    }

    /// Ends a claimed run, with what it printed.
    pub(crate) async fn finish(&self, run: &Run, completion: Completion, lines: &[&str], now: DateTime<Utc>) -> Run {
        let logs = lines.iter().map(|text| LogLine { at: now, stream: LogStream::Stdout, text: (*text).to_owned() });
        let options = FinishOptions {
            held: Held { run_id: run.id, fence: Fence { epoch: run.epoch } },
            completion,
            isolation: Some(Isolation { executor: "fake".to_owned(), tier: "none".to_owned() }),
            logs: logs.collect(),
            now,
        };
        self.engine.store().finish(options).await.unwrap()
    }

    /// Deploys a daily report and has it run and succeed once, as in the spec's examples.
    pub(crate) async fn reported(&self, owner: &OwnerId) -> (Deployed, Run) {
        let triggers = vec![schedule("daily_report", "0 9 * * *"), email("on_invoice")];
        let deployed = self.seed(owner, "daily_report", triggers, super::at("2024-12-01T10:30:00Z")).await;
        let started = super::at("2024-12-08T09:00:00Z");
        let due = self.fire(deployed.triggers[0].id, started).await;
        let run = self.claim(started).await.into_iter().find(|run| run.id == due).unwrap();
        let ended = started + TimeDelta::seconds(15);
        let run = self.finish(&run, Completion::Success(json!({"sent": 3})), &["collecting", "done"], ended).await;
        (deployed, run)
    }
}
