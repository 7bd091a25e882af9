//! What belongs to another owner is answered as if it did not exist, on every route with an id.

use axum::body::Body;
use axum::http::header;
use serde_json::Value;
use wren_core::ErrorCode;
use wren_http::routes;

use crate::support::{Answer, World, ada, bob, request_as};

/// A body that the route would take, so that nothing but the id can be at fault.
fn body(path: &str, method: &str) -> Body {
    match method {
        "POST" if path.ends_with("/rollback") => Body::from("{\"revision\": 1}"),
        "POST" if path.ends_with("/pause") || path.ends_with("/runs") => Body::from("{}"),
        _ => Body::empty(),
    }
}

async fn ask(world: &World, key: &str, method: &str, template: &str, id: &str) -> Answer {
    let path = template.replace("{id}", id).replace("{number}", "1");
    let request = request_as(key, method, &path).header(header::CONTENT_TYPE, "application/json");
    world.send(request.body(body(template, method)).unwrap()).await
}

/// Returns an error without what differs between any two requests.
fn comparable(mut error: Value, id: &str) -> String {
    error.as_object_mut().unwrap().remove("correlation_id");
    error.to_string().replace(id, "ID")
}

#[tokio::test]
async fn a_foreign_id_is_answered_like_one_that_does_not_exist() {
    let world = World::new().await;
    let (deployed, run) = world.reported(&ada()).await;
    let key = world.key_of(&bob(), &["admin"]).await;
    let mut seen = 0;
    for route in routes().filter(|route| route.path.contains("{id}")) {
        let (foreign, absent) = match route.path.starts_with("/v1/runs") {
            true => (run.id.to_string(), "run_00000000000000000000000001"),
            false => (deployed.deployment.id.to_string(), "dep_00000000000000000000000001"),
        };
        let method = route.method.as_str();
        let foreign_error = ask(&world, &key, method, route.path, &foreign).await.error(404, ErrorCode::NotFound);
        let absent_error = ask(&world, &key, method, route.path, absent).await.error(404, ErrorCode::NotFound);
        assert_eq!(comparable(foreign_error, &foreign), comparable(absent_error, absent), "{route:?}");
        seen += 1;
    }
    assert!(seen >= 9, "the table lists every route with an id");
    // Nothing was done to what Ada has.
    let deployment = world.get(&format!("/v1/deployments/{}", deployed.deployment.id)).await.json(200);
    assert_eq!(deployment["status"], "active");
    assert_eq!(world.get("/v1/runs").await.json(200)["runs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_an_id_is_not_found() {
    let world = World::new().await;
    let long = "x".repeat(500);
    for route in routes().filter(|route| route.path.contains("{id}")) {
        // An id of another kind, a word, a broken escape, and a text too long to repeat.
        for id in ["trg_00000000000000000000000001", "nonsense", "%FF", "dep_0%2F1", &long] {
            let answer = ask(&world, &world.key, route.method.as_str(), route.path, id).await;
            let error = answer.error(404, ErrorCode::NotFound);
            assert!(error["message"].as_str().unwrap().len() < 120, "{error}");
            assert!(error["hint"].as_str().unwrap().contains("_…"), "{route:?} {error}");
        }
    }
}

#[tokio::test]
async fn lists_show_an_owner_what_is_theirs_only() {
    let mut world = World::new().await;
    let (deployed, run) = world.reported(&ada()).await;
    world.key = world.key_of(&bob(), &["admin"]).await;
    for (path, key) in [
        ("/v1/deployments".to_owned(), "deployments"),
        ("/v1/runs".to_owned(), "runs"),
        (format!("/v1/runs?trigger_id={}", deployed.triggers[0].id), "runs"),
    ] {
        assert_eq!(world.get(&path).await.json(200)[key], serde_json::json!([]), "{path}");
    }
    world.get(&format!("/v1/runs?deployment_id={}", run.deployment_id)).await.error(404, ErrorCode::NotFound);
}
