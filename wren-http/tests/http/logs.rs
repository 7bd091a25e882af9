//! What a run printed.

use axum::body::Body;
use axum::http::header;
use serde_json::json;
use wren_core::model::Completion;

use crate::support::{Answer, NOW, World, ada, at};

async fn text(world: &World, path: &str) -> Answer {
    let request = world.request("GET", path).header(header::ACCEPT, "text/plain");
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn logs_come_in_order_with_where_to_go_on() {
    let world = World::new().await;
    let (_, run) = world.reported(&ada()).await;
    let path = format!("/v1/runs/{}/logs", run.id);
    let at = "2024-12-08T09:00:15Z";
    let line = |seq: u64, text: &str| json!({"seq": seq, "at": at, "attempt": 1, "stream": "stdout", "text": text});
    let body = world.get(&path).await.json(200);
    let expected = json!({
        "run_id": run.id.to_string(),
        "status": "success",
        "logs": [line(1, "collecting"), line(2, "done")],
        "next_after": 2,
    });
    assert_eq!(body, expected);

    let first = world.get(&format!("{path}?limit=1")).await.json(200);
    assert_eq!((&first["logs"], &first["next_after"]), (&json!([line(1, "collecting")]), &json!(1)));
    let second = world.get(&format!("{path}?after=1")).await.json(200);
    assert_eq!((&second["logs"], &second["next_after"]), (&json!([line(2, "done")]), &json!(2)));
    // Nothing new: the caller goes on from where it was.
    let none = world.get(&format!("{path}?after=7")).await.json(200);
    assert_eq!((&none["logs"], &none["next_after"]), (&json!([]), &json!(7)));
}

#[tokio::test]
async fn logs_can_be_plain_lines() {
    let world = World::new().await;
    let (_, run) = world.reported(&ada()).await;
    let answer = text(&world, &format!("/v1/runs/{}/logs", run.id)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "collecting\ndone\n"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!((answer.header("x-next-after"), answer.header("x-run-status")), (Some("2"), Some("success")));
}

#[tokio::test]
async fn a_script_cannot_steer_the_terminal_of_its_reader() {
    let world = World::new().await;
    let (deployed, _) = world.reported(&ada()).await;
    let id = world.poke(&format!("/v1/deployments/{}/runs", deployed.deployment.id)).await.json(202)["run_id"].clone();
    let run = world.claim(at(NOW)).await.remove(0);
    world.finish(&run, Completion::Success(json!(null)), &["\u{1b}[2J\tgone"], at(NOW)).await;
    let path = format!("/v1/runs/{}/logs", id.as_str().unwrap());
    assert_eq!(text(&world, &path).await.text, "\\u{1b}[2J\tgone\n");
    assert_eq!(world.get(&path).await.json(200)["logs"][0]["text"], "\u{1b}[2J\tgone");
}

#[tokio::test]
async fn a_run_that_printed_nothing_has_no_lines() {
    let world = World::new().await;
    let (deployed, _) = world.reported(&ada()).await;
    let run = world.poke(&format!("/v1/deployments/{}/runs", deployed.deployment.id)).await.json(202);
    let path = run["logs_url"].as_str().unwrap();
    let body = world.get(path).await.json(200);
    assert_eq!(body, json!({"run_id": run["run_id"], "status": "queued", "logs": [], "next_after": 0}));
    assert_eq!(text(&world, path).await.text, "");
}
