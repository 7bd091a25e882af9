use chrono::TimeDelta;
use serde_json::Map;

use super::*;
use crate::clock::ManualClock;
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId};
use crate::memory::MemoryStore;
use crate::model::TriggerKind;

/// The store, the host and a running script that asks it.
struct Script {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    state: ScriptState,
    context: RunContext,
}

impl Script {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH));
        let state = ScriptState::new(Arc::<MemoryStore>::clone(&store), Arc::<ManualClock>::clone(&clock));
        let context = RunContext {
            run_id: RunId::new(),
            owner: OwnerId::new("ada").unwrap(),
            deployment_id: DeploymentId::new(),
            deployment_name: "daily".into(),
            revision: 1,
            trigger: TriggerKind::Manual,
            trigger_id: None,
            func: "main".into(),
            scheduled_for: DateTime::UNIX_EPOCH,
            attempt: 1,
            idempotency_key: "key".into(),
            correlation_id: CorrelationId::new("corr_test").unwrap(),
            timezone: "UTC".into(),
            secrets: crate::redact::RunSecrets::default(),
        };
        Self { store, clock, state, context }
    }

    async fn ask(&self, op: &str, args: Value) -> Result<Value> {
        let args: Map<String, Value> = serde_json::from_value(args).unwrap();
        self.state.call(&self.context, &HostRequest { op: op.into(), args }).await
    }

    async fn get(&self, key: &str) -> Value {
        self.ask("state.get", json!({"key": key})).await.unwrap()
    }

    async fn set(&self, key: &str, value: impl Into<Value>) -> Result<Value> {
        self.ask("state.set", json!({"key": key, "value": value.into()})).await
    }

    async fn keys(&self) -> Value {
        self.ask("state.list", json!({})).await.unwrap()["keys"].take()
    }

    async fn refusal(&self, op: &str, args: Value) -> Error {
        let error = self.ask(op, args).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest, "{error}");
        error
    }
}

/// A text that takes `bytes` bytes as JSON, its two quotes included.
fn text(bytes: usize) -> Value {
    Value::String("x".repeat(bytes - 2))
}

#[tokio::test]
async fn a_value_reads_back_until_it_is_deleted() {
    let script = Script::new();
    assert_eq!(script.get("seen").await, json!({"found": false, "value": null}));
    for value in [json!({"ids": [1, 2.5, null], "é": "\u{0}"}), json!("again"), json!(null)] {
        assert_eq!(script.set("seen", value.clone()).await.unwrap(), Value::Null);
        assert_eq!(script.get("seen").await, json!({"found": true, "value": value}));
    }
    assert_eq!(script.ask("state.delete", json!({"key": "seen"})).await.unwrap(), json!({"found": true}));
    assert_eq!(script.ask("state.delete", json!({"key": "seen"})).await.unwrap(), json!({"found": false}));
    assert_eq!(script.get("seen").await["found"], false);
}

#[tokio::test]
async fn the_list_has_every_key_in_order() {
    let script = Script::new();
    assert_eq!(script.keys().await, json!([]));
    for key in ["b", "a/b", "é", "a"] {
        script.set(key, 1).await.unwrap();
    }
    assert_eq!(script.keys().await, json!(["a", "a/b", "b", "é"]));
}

#[tokio::test]
async fn state_outlives_time_and_revisions() {
    let mut script = Script::new();
    script.set("seen", 1).await.unwrap();
    script.clock.advance(TimeDelta::days(4000));
    script.store.purge_records(script.clock.now(), 100).await.unwrap();
    (script.context.revision, script.context.run_id) = (2, RunId::new());
    assert_eq!(script.get("seen").await["value"], 1);
}

#[tokio::test]
async fn neither_another_owner_nor_another_deployment_sees_it() {
    let mut script = Script::new();
    script.set("seen", "hers").await.unwrap();
    let hers = script.context.clone();
    let other_deployment = RunContext { deployment_id: DeploymentId::new(), ..hers.clone() };
    let other_owner = RunContext { owner: OwnerId::new("bob").unwrap(), ..hers.clone() };
    for other in [other_deployment, other_owner] {
        script.context = other;
        assert_eq!(script.get("seen").await["found"], false);
        assert_eq!(script.keys().await, json!([]));
        assert_eq!(script.ask("state.delete", json!({"key": "seen"})).await.unwrap()["found"], false);
        script.set("seen", "theirs").await.unwrap();
    }
    script.context = hers;
    assert_eq!(script.get("seen").await["value"], "hers");
}

#[tokio::test]
async fn a_key_is_a_text_of_1_to_512_bytes() {
    let script = Script::new();
    let (longest, too_long) = ("é".repeat(256), "é".repeat(256) + "k");
    script.set(&longest, 1).await.unwrap();
    assert_eq!(script.get(&longest).await["found"], true);
    for op in ["state.get", "state.set", "state.delete"] {
        for key in [json!(""), json!(too_long)] {
            assert!(script.refusal(op, json!({"key": key})).await.message().contains("512"));
        }
        for args in [json!({}), json!({"key": 1}), json!({"key": null})] {
            assert!(script.refusal(op, args).await.message().contains(op));
        }
    }
    assert_eq!(script.keys().await, json!([longest]));
}

#[tokio::test]
async fn a_value_has_at_most_256_kib_as_json() {
    let script = Script::new();
    script.set("large", text(MAX_VALUE)).await.unwrap();
    let error = script.set("large", text(MAX_VALUE + 1)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert!(error.message().contains("262145") && error.message().contains("262144"), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(script.get("large").await["value"], text(MAX_VALUE));
}

#[tokio::test]
async fn a_deployment_has_at_most_1000_keys() {
    let script = Script::new();
    for number in 0..MAX_KEYS {
        script.set(&number.to_string(), 1).await.unwrap();
    }
    let error = script.set("one more", 1).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert!(error.message().contains("1000") && error.hint().is_some(), "{error}");
    script.set("7", "an old key may change").await.unwrap();
    script.ask("state.delete", json!({"key": "8"})).await.unwrap();
    script.set("one more", 1).await.unwrap();
    assert_eq!(script.keys().await.as_array().unwrap().len(), MAX_KEYS);
}

#[tokio::test]
async fn the_values_of_a_deployment_have_at_most_16_mib_together() {
    let mut script = Script::new();
    let full = MAX_TOTAL as usize / MAX_VALUE;
    for number in 1..full {
        script.set(&number.to_string(), text(MAX_VALUE)).await.unwrap();
    }
    script.set("last", text(MAX_VALUE - 100)).await.unwrap();
    assert!(script.set("new", text(101)).await.is_err());
    script.set("new", text(100)).await.unwrap();
    let error = script.set("newer", 1).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    // The cap, which is also the size now.
    assert_eq!(error.message().matches("16777216").count(), 2, "{error}");
    assert!(error.hint().is_some());
    assert!(script.set("new", text(101)).await.is_err(), "an old key may not grow");
    script.set("new", text(100)).await.unwrap();
    script.set("1", 1).await.unwrap();
    script.set("newer", 1).await.unwrap();
    script.context.deployment_id = DeploymentId::new();
    script.set("1", text(MAX_VALUE)).await.unwrap();
}

#[tokio::test]
async fn a_value_that_shrinks_is_taken_over_the_cap() {
    let script = Script::new();
    let namespace = state_namespace(&script.context.owner, script.context.deployment_id);
    for number in 0..17 {
        let value = Bytes::from(text(1024 * 1024).to_string());
        let options = PutOptions::at(DateTime::UNIX_EPOCH);
        script.store.put_record(&namespace, &number.to_string(), value, options).await.unwrap();
    }
    assert_eq!(script.set("new", json!(1)).await.unwrap_err().code(), ErrorCode::InvalidRequest);
    script.set("0", text(MAX_VALUE)).await.unwrap();
    assert_eq!(script.keys().await.as_array().unwrap().len(), 17);
}

#[tokio::test]
async fn an_operation_nobody_knows_is_refused_by_its_name() {
    let script = Script::new();
    for op in ["state.clear", "state.", "state", "state.Get", ""] {
        assert!(script.refusal(op, json!({"key": "a"})).await.message().contains(&format!("`{op}`")));
    }
    let long = format!("state.{}", "x".repeat(10_000));
    assert!(script.refusal(&long, json!({})).await.message().len() < 200, "a name is not echoed at any length");
}
