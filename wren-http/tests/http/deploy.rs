//! `POST /v1/scripts/deploy`.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;
use wren_core::ErrorCode;
use wren_core::executor::{InspectedTrigger, Inspection};

use crate::support::{Check, NOW, World, bob, request_as};

const PATH: &str = "/v1/scripts/deploy";
pub(crate) const SCRIPT: &str = "import wren\n\n@wren.on_schedule(\"0 9 * * *\")\ndef daily_report():\n    pass\n";

/// A world whose executor sees in every script what `SCRIPT` registers, with this cron expression.
async fn with_cron(cron: &str) -> World {
    let world = World::new().await;
    sees(&world, cron);
    world
}

pub(crate) fn sees(world: &World, cron: &str) {
    let trigger: InspectedTrigger = serde_json::from_value(json!({
        "type": "schedule",
        "func": "daily_report",
        "line": 3,
        "config": {"cron": cron},
        "signature": {"required": 0, "max": 0},
    }))
    .unwrap();
    *world.executor.inspection.lock() = Inspection { triggers: vec![trigger], ..Inspection::default() };
}

fn metadata(cron: &str) -> Value {
    json!({
        "integrations": [],
        "triggers": [{"type": "schedule", "func": "daily_report", "config": {"cron": cron}}],
        "schedules": [{"cron": cron, "func_name": "daily_report"}],
    })
}

#[tokio::test]
async fn a_deploy_is_confirmed_as_the_spec_says() {
    let world = with_cron("0 9 * * *").await;
    let request = json!({"script": SCRIPT, "metadata": metadata("0 9 * * *"), "name": "reports"});
    let answer = world.post(PATH, &request).await;
    let body = answer.json(201);
    let id = body["deployment_id"].as_str().unwrap();
    assert!(id.starts_with("dep_"));
    let expected = json!({
        "deployment_id": id,
        "status": "active",
        "triggers_registered": 1,
        "created_at": NOW,
        "next_run": "2024-12-09T09:00:00Z",
        "name": "reports",
        "revision": 1,
        "changed": true,
    });
    assert_eq!(body, expected);
    assert_eq!(answer.header("location"), Some(format!("/v1/deployments/{id}").as_str()));
}

#[tokio::test]
async fn the_same_content_again_is_the_same_revision_and_new_content_the_next() {
    let world = with_cron("0 9 * * *").await;
    let first = world.post(PATH, &json!({"script": SCRIPT})).await.json(201);
    assert_eq!(first["name"], "daily_report");
    let again = world.post(PATH, &json!({"script": SCRIPT})).await;
    assert_eq!(again.header("location"), None);
    let again = again.json(200);
    assert_eq!((&again["changed"], &again["revision"]), (&json!(false), &json!(1)));
    assert_eq!(again["deployment_id"], first["deployment_id"]);

    sees(&world, "0 10 * * *");
    let changed = world.post(PATH, &json!({"script": SCRIPT.replace("0 9", "0 10")})).await.json(201);
    assert_eq!((&changed["changed"], &changed["revision"]), (&json!(true), &json!(2)));
    assert_eq!(changed["deployment_id"], first["deployment_id"]);
    assert_eq!(changed["next_run"], "2024-12-09T10:00:00Z");
}

#[tokio::test]
async fn a_failed_deploy_tells_every_fault_and_changes_nothing() {
    let world = with_cron("0 9 * *").await;
    let script = SCRIPT.replace("0 9 * * *", "0 9 * *");
    let request = json!({"script": script, "name": "not a name"});
    let answer = world.post(PATH, &request).await;
    let error = answer.error(422, ErrorCode::InvalidCron);
    assert_eq!(error["location"]["line"], 3, "{error}");
    let codes: Vec<&str> = error["details"]["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["INVALID_CRON", "INVALID_REQUEST"]);
    assert_eq!(world.get("/v1/deployments").await.json(200), json!({"deployments": []}));
}

#[tokio::test]
async fn a_paused_deployment_refuses_a_deploy() {
    let world = with_cron("0 9 * * *").await;
    let id = world.post(PATH, &json!({"script": SCRIPT})).await.json(201)["deployment_id"].as_str().unwrap().to_owned();
    world.poke(&format!("/v1/deployments/{id}/pause")).await.json(200);
    world.post(PATH, &json!({"script": SCRIPT})).await.error(409, ErrorCode::Conflict);
}

#[tokio::test]
async fn a_deploy_ends_with_its_caller_while_nothing_is_stored() {
    let world = with_cron("0 9 * * *").await;
    let request = json!({"script": SCRIPT});
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    *world.executor.inspect.lock() = Check::Waits(Arc::clone(&begun), Arc::clone(&go_on));
    // More than may be inspected at once: each gives its place up.
    for _ in 0..10 {
        tokio::select! {
            _ = world.post(PATH, &request) => unreachable!("the executor waits"),
            () = begun.notified() => {}
        }
    }
    go_on.notify_waiters();
    *world.executor.inspect.lock() = Check::Ready;
    assert_eq!(world.get("/v1/deployments").await.json(200), json!({"deployments": []}));
    world.post(PATH, &request).await.json(201);
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_runs_out_of_time_gives_its_place_up() {
    let world = with_cron("0 9 * * *").await;
    let request = json!({"script": SCRIPT});
    *world.executor.inspect.lock() = Check::Never;
    for _ in 0..10 {
        let answer = world.post(PATH, &request).await;
        answer.error(504, ErrorCode::Internal);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    *world.executor.inspect.lock() = Check::Ready;
    world.post(PATH, &request).await.json(201);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_deploys_is_told_to_come_back_and_holds_up_nobody_else() {
    let world = with_cron("0 9 * * *").await;
    let request = json!({"script": SCRIPT});
    *world.executor.inspect.lock() = Check::Never;
    let key = world.key_of(&bob(), &["deploy"]).await;
    let of_bob = request_as(&key, "POST", PATH).header("content-type", "application/json");
    let of_bob = world.send(of_bob.body(request.to_string().into()).unwrap());
    let flood = futures::future::join_all((0..100).map(|_| world.post(PATH, &request)));
    let (flood, of_bob) = futures::future::join(flood, of_bob).await;
    let refused: Vec<_> = flood.iter().filter(|answer| answer.status.as_u16() == 429).collect();
    assert!(refused.len() > 50, "{} of 100 were refused", refused.len());
    for answer in refused {
        assert_eq!(answer.error(429, ErrorCode::RateLimited)["retryable"], true);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    // His was taken, and ran out of time as the script never ends; one minute later all places are free again.
    of_bob.error(504, ErrorCode::Internal);
    *world.executor.inspect.lock() = Check::Ready;
    world.post(PATH, &request).await.json(201);
}

#[tokio::test]
async fn a_platform_that_cannot_inspect_says_so_without_detail() {
    let world = with_cron("0 9 * * *").await;
    for (inspect, status, code) in
        [(Check::Unavailable, 503, ErrorCode::ExecutorUnavailable), (Check::Panics, 500, ErrorCode::Internal)]
    {
        *world.executor.inspect.lock() = inspect;
        let answer = world.post(PATH, &json!({"script": SCRIPT})).await;
        answer.error(status, code);
        assert!(!answer.text.contains("secret-path"), "{}", answer.text);
    }
}
