//! The bodies of the plan, key by key and value by value.

use serde_json::{Map, Value, json};

use crate::support::{World, ada};

/// Returns what an answer says under the keys of an example.
fn under_the_keys_of(example: &Value, answer: &Value) -> Value {
    let keys = example.as_object().unwrap().keys();
    Value::Object(keys.map(|key| (key.clone(), answer[key].clone())).collect::<Map<_, _>>())
}

#[tokio::test]
async fn a_list_of_deployments_is_the_spec_s() {
    let world = World::new().await;
    let (deployed, _) = world.reported(&ada()).await;
    let expected = json!({
        "deployments": [{
            "id": deployed.deployment.id.to_string(),
            "name": "daily_report",
            "status": "active",
            "triggers": 2,
            "last_run": "2024-12-08T09:00:00Z",
            "next_run": "2024-12-09T09:00:00Z",
            "created_at": "2024-12-01T10:30:00Z",
        }],
    });
    assert_eq!(world.get("/v1/deployments").await.json(200), expected);
}

#[tokio::test]
async fn a_list_of_runs_has_every_key_of_the_spec_s() {
    let world = World::new().await;
    let (deployed, run) = world.reported(&ada()).await;
    let id = deployed.deployment.id;
    let expected = json!({
        "run_id": run.id.to_string(),
        "deployment_id": id.to_string(),
        "trigger": "schedule",
        "status": "success",
        "started_at": "2024-12-08T09:00:00Z",
        "completed_at": "2024-12-08T09:00:15Z",
        "duration_ms": 15000,
        "logs_url": format!("/v1/runs/{}/logs", run.id),
    });
    for path in [format!("/v1/deployments/{id}/runs"), "/v1/runs".to_owned()] {
        let body = world.get(&path).await.json(200);
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["runs"]);
        assert_eq!(body["runs"].as_array().unwrap().len(), 1);
        assert_eq!(under_the_keys_of(&expected, &body["runs"][0]), expected);
    }
}

#[tokio::test]
async fn a_run_shows_the_extra_keys_beside_the_spec_s() {
    let world = World::new().await;
    let (deployed, run) = world.reported(&ada()).await;
    let body = world.get(&format!("/v1/runs/{}", run.id)).await.json(200);
    let expected = json!({
        "func": "daily_report",
        "revision": 1,
        "trigger_id": deployed.triggers[0].id.to_string(),
        "scheduled_for": "2024-12-08T09:00:00Z",
        "attempt": 1,
        "correlation_id": "corr_fired",
        "result": {"sent": 3},
        "isolation": {"executor": "fake", "tier": "none"},
        "attempts": [{
            "number": 1,
            "started_at": "2024-12-08T09:00:00Z",
            "ended_at": "2024-12-08T09:00:15Z",
            "end": "success",
        }],
    });
    assert_eq!(under_the_keys_of(&expected, &body), expected);
    assert_eq!(body.get("skip_reason"), None);
    assert_eq!(body.get("error"), None);
}

#[tokio::test]
async fn instants_keep_a_fraction_they_have() {
    let world = World::new().await;
    world.seed(&ada(), "fine", vec![], crate::support::at("2024-12-01T10:30:00.25Z")).await;
    let body = world.get("/v1/deployments").await.json(200);
    assert_eq!(body["deployments"][0]["created_at"], "2024-12-01T10:30:00.250Z");
    assert_eq!(body["deployments"][0]["last_run"], Value::Null);
    assert_eq!(body["deployments"][0]["next_run"], Value::Null);
}
