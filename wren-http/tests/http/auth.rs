//! Deny by default.

use axum::body::Body;
use axum::http::{Request, header};
use chrono::TimeDelta;
use wren_core::ErrorCode;
use wren_core::keys::NewApiKey;
use wren_http::{Access, RouteInfo, Scope, routes};

use crate::support::{Answer, NOW, World, ada, at, request_as};

/// Fills a route's parameters with an id of the right kind.
pub(crate) fn filled(route: &RouteInfo) -> String {
    let path = route.path.replace("{address}", "0123456789abcdef0123456789abcdef");
    path.replace("{id}", &absent(route)).replace("{name}", "gmail").replace("{number}", "1")
}

/// Returns an id of a route's kind that is nobody's.
pub(crate) fn absent(route: &RouteInfo) -> String {
    let prefix = match route.path {
        path if path.starts_with("/v1/runs") => "run",
        path if path.starts_with("/v1/keys") => "key",
        _ => "dep",
    };
    format!("{prefix}_00000000000000000000000001")
}

/// What it answers is about the whole server.
fn is_of_the_server(route: &RouteInfo) -> bool {
    route.path == "/metrics"
}

/// A key says of others what they allow, and makes them.
fn is_of_keys(route: &RouteInfo) -> bool {
    route.path.starts_with("/v1/keys")
}

#[test]
fn only_probes_the_document_and_the_pages_of_a_users_browser_are_public() {
    let public = [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/llms.txt",
        "/integrations/{name}/setup",
        "/integrations/{name}/reauthorize",
        "/integrations/{name}/callback",
    ];
    for route in routes() {
        let is_public = public.contains(&route.path);
        assert_eq!(route.access == Access::Public, is_public, "{route:?} asks for no key");
        let is_signed = route.path == "/v1/inbound/email/{address}";
        assert_eq!(route.access == Access::Signed, is_signed, "{route:?} asks for a signature");
        assert_eq!(route.path.starts_with("/v1/"), !is_public && !is_of_the_server(&route), "{route:?}");
    }
}

#[test]
fn reading_needs_no_more_than_read_and_changing_needs_more() {
    for route in routes().filter(|route| matches!(route.access, Access::Key(_))) {
        let changes = route.method != "GET" && route.path != "/v1/integrations/validate";
        let is_more = changes || is_of_the_server(&route) || is_of_keys(&route);
        assert_eq!(route.access == Access::Key(Scope::Read), !is_more, "{route:?}");
    }
}

#[tokio::test]
async fn every_route_with_a_scope_asks_for_a_key() {
    let world = World::new().await;
    for route in routes().filter(|route| matches!(route.access, Access::Key(_))) {
        let request = Request::builder().method(route.method.clone()).uri(filled(&route)).body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        answer.error(401, ErrorCode::InvalidApiKey);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{route:?}");
    }
}

#[tokio::test]
async fn every_route_refuses_a_key_without_its_scope_and_takes_one_with_it() {
    let world = World::new().await;
    for route in routes() {
        let Access::Key(scope) = route.access else { continue };
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| !gives(*other, scope)).collect();
        // Each alone, all together, and none at all.
        let mut without: Vec<Vec<Scope>> = others.iter().map(|other| vec![*other]).collect();
        without.extend([others, Vec::new()]);
        for scopes in without {
            let error = ask_with(&world, &route, &scopes).await.error(403, ErrorCode::PermissionDenied);
            assert_eq!(error["details"]["required_scope"], scope.as_str(), "{route:?} with {scopes:?}");
        }
        for with in Scope::ALL.into_iter().filter(|with| gives(*with, scope)) {
            let answer = ask_with(&world, &route, &[with]).await;
            assert!(![401, 403].contains(&answer.status.as_u16()), "{route:?} with {with}: {}", answer.text);
        }
    }
}

/// A key with the scope `admin` has all of them.
fn gives(have: Scope, wanted: Scope) -> bool {
    have == wanted || have == Scope::Admin
}

async fn ask_with(world: &World, route: &RouteInfo, scopes: &[Scope]) -> Answer {
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let key = world.key_of(&ada(), &scopes).await;
    world.send(request_as(&key, route.method.as_str(), &filled(route)).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_header_that_holds_no_key_is_refused() {
    let world = World::new().await;
    let key = world.key.clone();
    let wrong = format!("{}x", &key[..key.len() - 1]);
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        key.clone(),
        format!("Basic {key}"),
        format!("Bearer {}", key.trim_start_matches("wren_")),
        format!("Bearer {}", key.to_uppercase()),
        format!("Bearer {wrong}"),
        "Bearer wren_".to_owned(),
        "Bearer wren_é".to_owned(),
    ] {
        let request = Request::builder().uri("/v1/runs").header(header::AUTHORIZATION, &value).body(Body::empty());
        let error = world.send(request.unwrap()).await.error(401, ErrorCode::InvalidApiKey);
        assert!(error["hint"].as_str().unwrap().contains("Authorization: Bearer wren_"));
        assert!(!error.to_string().contains(&key), "an error never repeats a key");
    }
}

#[tokio::test]
async fn the_scheme_s_case_does_not_matter() {
    let world = World::new().await;
    let request = Request::builder().uri("/v1/runs").header(header::AUTHORIZATION, format!("bEARER {}", world.key));
    world.send(request.body(Body::empty()).unwrap()).await.json(200);
}

#[tokio::test]
async fn two_keys_at_once_are_refused() {
    let world = World::new().await;
    let request = world.request("GET", "/v1/runs").header(header::AUTHORIZATION, format!("Bearer {}", world.key));
    world.send(request.body(Body::empty()).unwrap()).await.error(401, ErrorCode::InvalidApiKey);
}

#[tokio::test]
async fn a_key_that_has_ended_is_refused_like_a_wrong_one() {
    let mut world = World::new().await;
    let end = at(NOW) + TimeDelta::minutes(5);
    world.key = world.create_key(NewApiKey::new(ada()).with_expiry(end)).await;
    world.get("/v1/runs").await.json(200);
    world.clock.set(end);
    let ended = world.get("/v1/runs").await.error(401, ErrorCode::InvalidApiKey);
    let wrong = world.send(request_as("wren_wrong", "GET", "/v1/runs").body(Body::empty()).unwrap()).await;
    assert_eq!(ended["message"], wrong.error(401, ErrorCode::InvalidApiKey)["message"]);
}

#[tokio::test]
async fn a_revoked_key_is_refused() {
    let world = World::new().await;
    let keys = world.keys();
    let id = keys.list(&ada(), at(NOW)).await.unwrap()[0].id;
    keys.revoke(&ada(), id, at(NOW)).await.unwrap();
    world.get("/v1/runs").await.error(401, ErrorCode::InvalidApiKey);
}
