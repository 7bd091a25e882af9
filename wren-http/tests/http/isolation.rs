//! What belongs to another owner is answered as if it did not exist, on every route with an id.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header;
use serde_json::Value;
use wren_core::engine::Engine;
use wren_core::memory::MemoryStore;
use wren_core::model::Run;
use wren_core::source::{Delivered, InboundDelivery, InboundMail, OpenedAddress};
use wren_core::store::Deployed;
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};
use wren_http::{Access, RouteInfo, Scope, routes};

use crate::auth::absent;
use crate::support::{Answer, NOW, World, ada, at, bob, request_as};

/// A body that the route would take, so that nothing but the id can be at fault.
fn body(path: &str, method: &str) -> Body {
    match method {
        "POST" if path.ends_with("/rollback") => Body::from("{\"revision\": 1}"),
        "POST" if path.ends_with("/pause") || path.ends_with("/runs") => Body::from("{}"),
        _ => Body::empty(),
    }
}

/// Gives addresses to whoever has the deployment, as one that mail comes to does.
#[derive(Debug)]
struct Addresses(Engine);

#[async_trait]
impl InboundMail for Addresses {
    async fn deliver(&self, _: InboundDelivery) -> Result<Delivered> {
        Err(Error::new(ErrorCode::PermissionDenied, "the address does not take this delivery"))
    }

    async fn open(&self, owner: &OwnerId, id: DeploymentId) -> Result<OpenedAddress> {
        self.0.deployment(owner, id).await?;
        Ok(OpenedAddress { address: "0".repeat(32), secret: "canary".to_owned().into(), created: true })
    }

    async fn close(&self, owner: &OwnerId, id: DeploymentId) -> Result<bool> {
        self.0.deployment(owner, id).await.map(|_| true)
    }
}

async fn with_mail() -> World {
    World::on(Arc::new(MemoryStore::new()), |engine, api| api.with_inbound_mail(Arc::new(Addresses(engine.clone()))))
        .await
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

/// Returns an id of Ada's of the kind that a route names.
async fn of_ada(world: &World, route: &RouteInfo, deployed: &Deployed, run: &Run) -> String {
    match absent(route).split('_').next().unwrap() {
        "run" => run.id.to_string(),
        "key" => world.keys().list(&ada(), at(NOW)).await.unwrap()[0].id.to_string(),
        _ => deployed.deployment.id.to_string(),
    }
}

/// Every route with an id, with every scope alone, from its owner and from another: one that has not the scope hears of that
/// and nothing of the id, another owner hears that there is no such thing, and nobody without a key hears anything.
#[tokio::test]
async fn what_a_route_tells_of_an_id_depends_on_the_scope_and_the_owner() {
    let mut seen = 0;
    for route in routes().filter(|route| route.path.contains("{id}")) {
        let Access::Key(wanted) = route.access else { panic!("{route:?} names an id and asks for no key") };
        for scope in Scope::ALL {
            for owner in [ada(), bob()] {
                // A world of its own, since some of them end what they name.
                let world = with_mail().await;
                let (deployed, run) = world.reported(&ada()).await;
                let id = of_ada(&world, &route, &deployed, &run).await;
                let key = world.key_of(&owner, &[scope.as_str()]).await;
                let answer = ask(&world, &key, route.method.as_str(), route.path, &id).await;
                match (scope == wanted || scope == Scope::Admin, owner != ada()) {
                    (false, _) => drop(answer.error(403, ErrorCode::PermissionDenied)),
                    (true, true) => drop(answer.error(404, ErrorCode::NotFound)),
                    (true, false) => {
                        let status = answer.status.as_u16();
                        let is_let_in = status < 500 && ![401, 403, 404].contains(&status);
                        assert!(is_let_in, "{route:?} with {scope}: {}", answer.text);
                    }
                }
                seen += 1;
            }
        }
        let world = World::new().await;
        ask(&world, "wren_wrong", route.method.as_str(), route.path, &absent(&route))
            .await
            .error(401, ErrorCode::InvalidApiKey);
    }
    assert!(seen >= 9 * 8, "{seen}");
}

#[tokio::test]
async fn a_foreign_id_is_answered_like_one_that_does_not_exist() {
    let world = with_mail().await;
    let (deployed, run) = world.reported(&ada()).await;
    let key = world.key_of(&bob(), &["admin"]).await;
    let mut seen = 0;
    for route in routes().filter(|route| route.path.contains("{id}")) {
        let (foreign, absent) = (of_ada(&world, &route, &deployed, &run).await, absent(&route));
        let method = route.method.as_str();
        let foreign_error = ask(&world, &key, method, route.path, &foreign).await.error(404, ErrorCode::NotFound);
        let absent_error = ask(&world, &key, method, route.path, &absent).await.error(404, ErrorCode::NotFound);
        assert_eq!(comparable(foreign_error, &foreign), comparable(absent_error, &absent), "{route:?}");
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
