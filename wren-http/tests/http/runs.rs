//! Starting and cancelling runs.

use axum::body::Body;
use serde_json::{Value, json};
use wren_core::model::Completion;
use wren_core::{Error, ErrorCode, WireError};

use crate::support::{NOW, World, ada, at};

async fn with_deployment() -> (World, String) {
    let world = World::with(|api| api.with_public_url("https://wrens.ie/")).await;
    let (deployed, _) = world.reported(&ada()).await;
    let path = format!("/v1/deployments/{}/runs", deployed.deployment.id);
    (world, path)
}

#[tokio::test]
async fn a_run_can_be_asked_for_without_a_body() {
    let (world, path) = with_deployment().await;
    let answer = world.poke(&path).await;
    let run = answer.json(202);
    assert_eq!((&run["status"], &run["trigger"]), (&json!("queued"), &json!("manual")));
    assert_eq!((&run["func"], &run["scheduled_for"]), (&json!("daily_report"), &json!(NOW)));
    assert_eq!((&run["started_at"], &run["attempt"]), (&Value::Null, &json!(1)));
    assert_eq!(run.get("trigger_id"), None);
    let id = run["run_id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("https://wrens.ie/v1/runs/{id}").as_str()));
    assert_eq!(world.get(&format!("/v1/runs/{id}")).await.json(200)["status"], "queued");
}

#[tokio::test]
async fn a_function_and_an_event_can_be_named() {
    let (world, path) = with_deployment().await;
    let run = world.post(&path, &json!({"func": "helper", "event": {"n": 1}})).await.json(202);
    assert_eq!(run["func"], "helper");
    let claimed = world.claim(at(NOW)).await;
    assert_eq!(claimed[0].payload, Some(json!({"n": 1})));
}

#[tokio::test]
async fn an_unknown_function_is_refused_with_the_nearest() {
    let (world, path) = with_deployment().await;
    let error = world.post(&path, &json!({"func": "daily_reprot"})).await.error(422, ErrorCode::FunctionNotFound);
    assert_eq!(error["hint"], "did you mean `daily_report`?");
    world.post(&path, &json!({"function": "helper"})).await.error(400, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_repeated_idempotency_key_is_one_run() {
    let (world, path) = with_deployment().await;
    let ask = async |key: &str| {
        let request = world.request("POST", &path).header("Idempotency-Key", key);
        world.send(request.body(Body::empty()).unwrap()).await.json(202)["run_id"].clone()
    };
    let first = ask("monday").await;
    assert_eq!(ask("monday").await, first);
    assert_ne!(ask("tuesday").await, first);
    assert_ne!(world.poke(&path).await.json(202)["run_id"], world.poke(&path).await.json(202)["run_id"]);
}

#[tokio::test]
async fn an_idempotency_key_that_cannot_be_used_is_refused() {
    let (world, path) = with_deployment().await;
    for keys in [vec![String::new()], vec!["x".repeat(256)], vec!["é".to_owned()], vec!["a".to_owned(), "b".to_owned()]]
    {
        let request =
            keys.iter().fold(world.request("POST", &path), |request, key| request.header("Idempotency-Key", key));
        let error = world.send(request.body(Body::empty()).unwrap()).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["message"].as_str().unwrap().contains("Idempotency-Key"), "{keys:?}");
    }
}

#[tokio::test]
async fn a_queued_run_is_cancelled_at_once_and_only_once() {
    let (world, path) = with_deployment().await;
    let id = world.poke(&path).await.json(202)["run_id"].as_str().unwrap().to_owned();
    let cancelled = world.poke(&format!("/v1/runs/{id}/cancel")).await.json(200);
    assert_eq!((&cancelled["run_id"], &cancelled["status"]), (&json!(id), &json!("cancelled")));
    assert_eq!(cancelled["completed_at"], NOW);
    world.poke(&format!("/v1/runs/{id}/cancel")).await.error(409, ErrorCode::Conflict);
}

#[tokio::test]
async fn a_failed_run_shows_its_error_and_that_of_each_attempt() {
    let (world, path) = with_deployment().await;
    let id = world.poke(&path).await.json(202)["run_id"].as_str().unwrap().to_owned();
    let raised = Error::new(ErrorCode::ScriptException, "ValueError: no mail").with_traceback("Traceback …");
    let wire = WireError::from(&raised);
    let retry = Completion::Retry { error: wire.clone(), timed_out: false, not_before: at(NOW) };
    let run = world.claim(at(NOW)).await.remove(0);
    world.finish(&run, retry, &[], at("2024-12-08T10:30:01.5Z")).await;
    let again = world.get(&format!("/v1/runs/{id}")).await.json(200);
    assert_eq!((&again["status"], &again["attempt"]), (&json!("queued"), &json!(2)));
    assert_eq!(again["error"]["code"], "SCRIPT_EXCEPTION");

    let run = world.claim(at("2024-12-08T10:30:02Z")).await.remove(0);
    world.finish(&run, Completion::Failed(wire), &[], at("2024-12-08T10:30:04Z")).await;
    let failed = world.get(&format!("/v1/runs/{id}")).await.json(200);
    assert_eq!((&failed["status"], &failed["duration_ms"]), (&json!("failed"), &json!(2000)));
    assert_eq!(failed["error"]["message"], "ValueError: no mail");
    assert_eq!(failed["error"]["traceback"], "Traceback …");
    assert_eq!(failed["result"], Value::Null);
    let ends: Vec<&Value> = failed["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["end"]).collect();
    assert_eq!(ends, ["failed", "failed"]);
    assert_eq!(failed["attempts"][0]["ended_at"], "2024-12-08T10:30:01.500Z");
    assert_eq!(failed["attempts"][0]["error"]["code"], "SCRIPT_EXCEPTION");
}

#[tokio::test]
async fn a_run_that_has_ended_is_run_again_as_it_was() {
    let (world, path) = with_deployment().await;
    let first = world.post(&path, &json!({"func": "helper", "event": {"n": 1}})).await.json(202);
    let id = first["run_id"].as_str().unwrap();
    let retry = format!("/v1/runs/{id}/retry");
    let error = world.poke(&retry).await.error(409, ErrorCode::Conflict);
    assert_eq!(error["hint"], "wait for its end, or cancel it first");
    let claimed = world.claim(at(NOW)).await.remove(0);
    let raised = WireError::from(&Error::new(ErrorCode::ScriptException, "ValueError: no mail"));
    world.finish(&claimed, Completion::Failed(raised), &[], at(NOW)).await;
    // A newer revision, and a pause, change nothing about what is run again.
    let again = vec![crate::support::schedule("other", "0 8 * * *")];
    let deployed = world.seed(&ada(), "daily_report", again, at(NOW)).await.deployment;
    assert_eq!(deployed.revision, 2);
    world.poke(&format!("/v1/deployments/{}/pause", deployed.id)).await.json(200);

    let answer = world.poke(&retry).await;
    let run = answer.json(202);
    assert_ne!(run["run_id"], first["run_id"]);
    assert_eq!((&run["retry_of"], &run["revision"], &run["func"]), (&first["run_id"], &json!(1), &json!("helper")));
    assert_eq!((&run["status"], &run["trigger"]), (&json!("queued"), &json!("manual")));
    let location = format!("https://wrens.ie/v1/runs/{}", run["run_id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let shown = world.get(&format!("/v1/runs/{}", run["run_id"].as_str().unwrap())).await.json(200);
    assert_eq!(shown["retry_of"], first["run_id"]);
    assert_eq!(world.claim(at(NOW)).await[0].payload, Some(json!({"n": 1})));
    // What it repeats stays as it is, and names nothing.
    let before = world.get(&format!("/v1/runs/{id}")).await.json(200);
    assert_eq!((&before["status"], before.get("retry_of")), (&json!("failed"), None));
}

#[tokio::test]
async fn a_repeated_idempotency_key_is_one_retry_of_each_run() {
    let (world, path) = with_deployment().await;
    let ask = async |path: &str| {
        let request = world.request("POST", path).header("Idempotency-Key", "monday");
        world.send(request.body(Body::empty()).unwrap()).await.json(202)["run_id"].as_str().unwrap().to_owned()
    };
    let first = ask(&path).await;
    world.poke(&format!("/v1/runs/{first}/cancel")).await.json(200);
    let retry = ask(&format!("/v1/runs/{first}/retry")).await;
    assert_ne!(retry, first);
    assert_eq!(ask(&format!("/v1/runs/{first}/retry")).await, retry);
    assert_eq!(ask(&path).await, first);
    // A retry is a run, and can be repeated, too.
    world.poke(&format!("/v1/runs/{retry}/cancel")).await.json(200);
    assert_ne!(ask(&format!("/v1/runs/{retry}/retry")).await, retry);
    assert_ne!(
        world.poke(&format!("/v1/runs/{first}/retry")).await.json(202)["run_id"],
        world.poke(&format!("/v1/runs/{first}/retry")).await.json(202)["run_id"]
    );
}

#[tokio::test]
async fn nothing_of_an_undeployed_deployment_is_run_again() {
    let (world, path) = with_deployment().await;
    let id = world.poke(&path).await.json(202)["run_id"].as_str().unwrap().to_owned();
    world.delete(path.trim_end_matches("/runs")).await.json(200);
    world.poke(&format!("/v1/runs/{id}/retry")).await.error(409, ErrorCode::Conflict);
    world.poke("/v1/runs/run_00000000000000000000000001/retry").await.error(404, ErrorCode::NotFound);
}
