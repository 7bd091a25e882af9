//! Showing, pausing, resuming and removing a deployment.

use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::deploy::sha256_hex;

use crate::support::{NOW, World, ada};

#[tokio::test]
async fn a_deployment_is_shown_with_its_revision_and_triggers() {
    let world = World::new().await;
    let (deployed, run) = world.reported(&ada()).await;
    let id = deployed.deployment.id;
    let expected = json!({
        "id": id.to_string(),
        "name": "daily_report",
        "status": "active",
        "triggers": 2,
        "last_run": "2024-12-08T09:00:00Z",
        "next_run": "2024-12-09T09:00:00Z",
        "created_at": "2024-12-01T10:30:00Z",
        "revision": 1,
        "status_reason": null,
        "action_url": null,
        "paused_until": null,
        "updated_at": "2024-12-01T10:30:00Z",
        "integrations": ["gmail"],
        "script_sha256": sha256_hex("# daily_report\n"),
        "functions": ["daily_report", "on_invoice", "helper"],
        "trigger_details": [
            {
                "id": deployed.triggers[0].id.to_string(),
                "type": "schedule",
                "func": "daily_report",
                "config": {"cron": "0 9 * * *"},
                "next_due": "2024-12-09T09:00:00Z",
                "timezone": "UTC",
                "catch_up": "latest",
                "overlap": "skip",
                "retries": 2,
                "timeout_ms": 300_000,
                "last_due": {
                    "run_id": run.id.to_string(),
                    "scheduled_for": "2024-12-08T09:00:00Z",
                    "status": "success",
                    "skip_reason": null,
                },
                "last_started_at": "2024-12-08T09:00:00Z",
                "lateness_ms": 0,
                "interval_ms": null,
            },
            {
                "id": deployed.triggers[1].id.to_string(),
                "type": "email",
                "func": "on_invoice",
                "config": {"subject": "invoice"},
                "next_due": null,
                "timezone": null,
                "catch_up": null,
                "overlap": "skip",
                "retries": 0,
                "timeout_ms": 300_000,
                "last_due": null,
                "last_started_at": null,
                "lateness_ms": null,
                "interval_ms": null,
            },
        ],
    });
    let mut body = world.get(&format!("/v1/deployments/{id}")).await.json(200);
    // The store returns the triggers of one instant in the order of their ids.
    body["trigger_details"].as_array_mut().unwrap().sort_by_key(|trigger| trigger["type"] != "schedule");
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_pause_has_a_reason_and_no_next_run_and_a_resume_ends_both() {
    let world = World::new().await;
    let (deployed, _) = world.reported(&ada()).await;
    let path = format!("/v1/deployments/{}", deployed.deployment.id);
    let paused = world.post(&format!("{path}/pause"), &json!({"reason": "on holiday"})).await.json(200);
    assert_eq!(paused["status"], "paused");
    assert_eq!(paused["status_reason"], "on holiday");
    assert_eq!(paused["next_run"], Value::Null);
    assert!(paused["trigger_details"].as_array().unwrap().iter().all(|trigger| trigger["next_due"].is_null()));
    assert_eq!(paused["updated_at"], NOW);
    assert_eq!(world.get(&path).await.json(200), paused);
    // Pausing twice is no error and changes nothing.
    assert_eq!(world.poke(&format!("{path}/pause")).await.json(200), paused);

    let resumed = world.poke(&format!("{path}/resume")).await.json(200);
    assert_eq!(resumed["status"], "active");
    assert_eq!(resumed["status_reason"], Value::Null);
    assert_eq!(resumed["next_run"], "2024-12-09T09:00:00Z");
}

#[tokio::test]
async fn the_body_of_a_pause_is_optional_but_checked() {
    let world = World::new().await;
    let (deployed, _) = world.reported(&ada()).await;
    let path = format!("/v1/deployments/{}/pause", deployed.deployment.id);
    world.post(&path, &json!({"raeson": "x"})).await.error(400, ErrorCode::InvalidRequest);
    world.post(&path, &json!({"reason": 5})).await.error(400, ErrorCode::InvalidRequest);
    world.post(&path, &json!({"reason": "x".repeat(501)})).await.error(400, ErrorCode::InvalidRequest);
    assert_eq!(world.poke(&path).await.json(200)["status_reason"], Value::Null);
}

#[tokio::test]
async fn a_deployment_is_removed_once() {
    let world = World::new().await;
    let (deployed, run) = world.reported(&ada()).await;
    let path = format!("/v1/deployments/{}", deployed.deployment.id);
    let removed = world.delete(&path).await.json(200);
    assert_eq!((&removed["status"], &removed["triggers"]), (&json!("undeployed"), &json!(0)));
    assert_eq!(removed["trigger_details"], json!([]));
    world.delete(&path).await.error(409, ErrorCode::Conflict);
    for operation in ["pause", "resume", "runs"] {
        world.poke(&format!("{path}/{operation}")).await.error(409, ErrorCode::Conflict);
    }
    // Its history stays.
    assert_eq!(world.get(&path).await.json(200)["status"], "undeployed");
    assert_eq!(world.get(&format!("{path}/runs")).await.json(200)["runs"][0]["run_id"], run.id.to_string());
    assert_eq!(world.get("/v1/deployments").await.json(200), json!({"deployments": []}));
}
