//! Pages and filters of lists.

use chrono::TimeDelta;
use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::model::Completion;

use crate::support::{World, ada, at, schedule};

fn names(body: &Value) -> Vec<&str> {
    body["deployments"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

fn ids(body: &Value) -> Vec<String> {
    body["runs"].as_array().unwrap().iter().map(|entry| entry["run_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn deployments_come_page_by_page_each_once() {
    let world = World::new().await;
    for number in 0..5 {
        let now = at("2024-12-01T00:00:00Z") + TimeDelta::hours(number);
        world.seed(&ada(), &format!("d{number}"), vec![], now).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/deployments?limit=2".to_owned();
    loop {
        let body = world.get(&path).await.json(200);
        seen.extend(names(&body).into_iter().map(str::to_owned));
        let Some(cursor) = body.get("next_cursor") else { break };
        assert_eq!(names(&body).len(), 2);
        path = format!("/v1/deployments?limit=2&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!(seen, ["d4", "d3", "d2", "d1", "d0"]);
}

#[tokio::test]
async fn deployments_are_found_by_status_and_name() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.seed(&ada(), name, vec![], at("2024-12-01T00:00:00Z")).await;
    }
    let id = world.get("/v1/deployments?name=b").await.json(200)["deployments"][0]["id"].as_str().unwrap().to_owned();
    world.poke(&format!("/v1/deployments/{id}/pause")).await.json(200);
    assert_eq!(names(&world.get("/v1/deployments?status=paused").await.json(200)), ["b"]);
    assert_eq!(names(&world.get("/v1/deployments?status=active").await.json(200)).len(), 2);
    assert_eq!(names(&world.get("/v1/deployments?name=B").await.json(200)), [""; 0]);
    world.delete(&format!("/v1/deployments/{id}")).await.json(200);
    assert_eq!(names(&world.get("/v1/deployments?status=undeployed").await.json(200)), ["b"]);
    assert_eq!(names(&world.get("/v1/deployments").await.json(200)).len(), 2);
}

#[tokio::test]
async fn runs_are_found_by_deployment_trigger_state_and_time() {
    let world = World::new().await;
    let daily = world.seed(&ada(), "daily", vec![schedule("f", "0 9 * * *")], at("2024-12-01T10:00:00Z")).await;
    let other = world.seed(&ada(), "other", vec![schedule("g", "0 9 * * *")], at("2024-12-01T10:00:00Z")).await;
    let mut runs = Vec::new();
    for day in 2..6 {
        let due = at(&format!("2024-12-0{day}T09:00:00Z"));
        let id = world.fire(daily.triggers[0].id, due).await;
        let claimed = world.claim(due).await;
        let end = if day == 3 { Completion::Cancelled(failure()) } else { Completion::Success(Value::Null) };
        world.finish(&claimed[0], end, &[], due + TimeDelta::seconds(1)).await;
        runs.push(id.to_string());
    }
    let foreign = world.fire(other.triggers[0].id, at("2024-12-02T09:00:00Z")).await.to_string();

    let foreign_again = foreign.clone();
    let daily_path = format!("/v1/deployments/{}/runs", daily.deployment.id);
    let latest_first: Vec<String> = runs.iter().rev().cloned().collect();
    assert_eq!(ids(&world.get(&daily_path).await.json(200)), latest_first);
    for (query, expected) in [
        (format!("deployment_id={}", daily.deployment.id), latest_first.clone()),
        (format!("trigger_id={}", other.triggers[0].id), vec![foreign.clone()]),
        ("status=queued".to_owned(), vec![foreign]),
        ("status=cancelled".to_owned(), vec![runs[1].clone()]),
        ("status=cancelled,queued&until=2024-12-04T00:00:00Z".to_owned(), vec![runs[1].clone(), foreign_again]),
        ("trigger=schedule&status=cancelled".to_owned(), vec![runs[1].clone()]),
        ("trigger=email".to_owned(), vec![]),
        ("since=2024-12-04T09:00:00Z".to_owned(), vec![runs[3].clone(), runs[2].clone()]),
        ("since=2024-12-04T10:00:00%2B01:00&until=2024-12-05T09:00:00Z".to_owned(), vec![runs[2].clone()]),
    ] {
        assert_eq!(ids(&world.get(&format!("/v1/runs?{query}")).await.json(200)), expected, "{query}");
    }

    let first = world.get(&format!("{daily_path}?limit=3")).await.json(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("{daily_path}?limit=3&cursor={cursor}")).await.json(200);
    assert_eq!([ids(&first), ids(&second)].concat(), latest_first);
    assert_eq!(second.get("next_cursor"), None);
}

fn failure() -> wren_core::WireError {
    wren_core::WireError::from(&wren_core::Error::new(ErrorCode::Conflict, "cancelled on request"))
}

#[tokio::test]
async fn a_bad_query_value_is_refused_by_its_parameter_s_name() {
    let world = World::with(|api| api.with_max_page(100)).await;
    let (deployed, run) = world.reported(&ada()).await;
    let runs = format!("/v1/deployments/{}/runs", deployed.deployment.id);
    let logs = format!("/v1/runs/{}/logs", run.id);
    for (path, parameter, value) in [
        ("/v1/deployments", "limit", "0"),
        ("/v1/deployments", "limit", "101"),
        ("/v1/deployments", "limit", "-1"),
        ("/v1/deployments", "limit", "ten"),
        ("/v1/deployments", "limit", ""),
        ("/v1/deployments", "status", "ACTIVE"),
        ("/v1/deployments", "name", "a%20b"),
        ("/v1/deployments", "cursor", ""),
        ("/v1/deployments", "stauts", "active"),
        ("/v1/runs", "status", "done"),
        ("/v1/runs", "since", "yesterday"),
        ("/v1/runs", "until", "2024-12-08"),
        ("/v1/runs", "deployment_id", "run_00000000000000000000000001"),
        ("/v1/runs", "trigger_id", "x"),
        (&runs, "deployment_id", "dep_00000000000000000000000001"),
        (&logs, "after", "-1"),
        (&logs, "after", "18446744073709551615"),
        (&logs, "limit", "10001"),
        (&logs, "cursor", "x"),
    ] {
        let error = world.get(&format!("{path}?{parameter}={value}")).await.error(400, ErrorCode::InvalidRequest);
        assert_eq!(error["details"]["parameter"], parameter, "{error}");
        assert!(error["message"].as_str().unwrap().contains(&format!("`{parameter}`")), "{error}");
        assert!(error["hint"].as_str().is_some());
    }
    world.get("/v1/runs?limit=1&limit=2").await.error(400, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new().await;
    for path in ["/v1/deployments?cursor=made-up", "/v1/runs?cursor=made-up"] {
        let error = world.get(path).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["message"].as_str().unwrap().contains("cursor"), "{error}");
    }
}

#[tokio::test]
async fn a_list_carries_the_gist_of_an_error_and_the_run_alone_the_whole() {
    let world = World::new().await;
    let daily = world.seed(&ada(), "daily", vec![schedule("f", "0 9 * * *")], at("2024-12-01T10:00:00Z")).await;
    let due = at("2024-12-02T09:00:00Z");
    let id = world.fire(daily.triggers[0].id, due).await;
    let claimed = world.claim(due).await;
    let error = wren_core::Error::new(ErrorCode::OauthTokenExpired, "é".repeat(600))
        .with_hint("h".repeat(600))
        .with_location(serde_json::from_value(json!({"line": 3})).unwrap())
        .with_traceback("t".repeat(50_000))
        .with_action_url("https://wrens.ie/integrations/gmail/reauthorize")
        .with_docs_url("https://docs.wrens.ie/integrations/gmail")
        .with_detail("dump", "d".repeat(50_000));
    let whole = wren_core::WireError::from(&error);
    world.finish(&claimed[0], Completion::Cancelled(whole.clone()), &[], due).await;

    let gist = json!({
        "type": "UserFacingConfigError",
        "code": "OAUTH_TOKEN_EXPIRED",
        "message": format!("{}…", "é".repeat(499)),
        "hint": format!("{}…", "h".repeat(499)),
        "action_url": "https://wrens.ie/integrations/gmail/reauthorize",
    });
    for path in ["/v1/runs".to_owned(), format!("/v1/deployments/{}/runs", daily.deployment.id)] {
        assert_eq!(world.get(&path).await.json(200)["runs"][0]["error"], gist);
    }
    let shown = world.get(&format!("/v1/runs/{id}")).await.json(200);
    assert_eq!(shown["error"], serde_json::to_value(whole).unwrap());
}

#[tokio::test]
async fn a_skipped_run_says_why() {
    let world = World::new().await;
    let daily = world.seed(&ada(), "daily", vec![schedule("f", "0 9 * * *")], at("2024-12-01T10:00:00Z")).await;
    world.poke(&format!("/v1/deployments/{}/pause", daily.deployment.id)).await.json(200);
    world.fire(daily.triggers[0].id, at("2024-12-02T09:00:00Z")).await;
    let run = world.get("/v1/runs").await.json(200)["runs"][0].clone();
    assert_eq!((&run["status"], &run["skip_reason"]), (&json!("skipped"), &json!("paused")));
    assert_eq!((&run["started_at"], &run["duration_ms"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_state_that_is_none_is_refused_among_others_too() {
    let world = World::new().await;
    for wrong in ["failed,broken", "failed,", ",", "failed%3Btimeout"] {
        let error = world.get(&format!("/v1/runs?status={wrong}")).await.error(400, ErrorCode::InvalidRequest);
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.starts_with("give one of queued, running, ") && hint.ends_with("with commas between"), "{hint}");
    }
    world.get("/v1/runs?status=failed,%20timeout").await.json(200);
    world.get("/v1/runs?status=failed&status=timeout").await.error(400, ErrorCode::InvalidRequest);
}
