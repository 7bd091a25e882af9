//! Paths and methods that do not exist.

use axum::body::Body;
use wren_core::ErrorCode;
use wren_http::routes;

use crate::support::World;

#[tokio::test]
async fn an_unknown_path_is_an_error_like_any_other() {
    let world = World::new().await;
    for path in ["/", "/v1", "/v1/", "/v1/nowhere", "/v2/runs", "/v1/runs/", "/v1/runs/a/b/c", "/%FF", "//v1/runs"] {
        let error = world.get(path).await.error(404, ErrorCode::NotFound);
        assert!(error["message"].as_str().unwrap().starts_with("route GET "), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_an_error_that_names_the_right_ones() {
    let world = World::new().await;
    for route in routes() {
        let path = crate::auth::filled(&route);
        let answer = world.send(world.request("PATCH", &path).body(Body::empty()).unwrap()).await;
        answer.error(405, ErrorCode::InvalidRequest);
        let allow = answer.header("allow").unwrap();
        assert!(allow.split(',').any(|method| method == route.method.as_str()), "{path}: {allow}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let world = World::new().await;
    let answer = world.send(world.request("HEAD", "/v1/runs").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let refused = world.send(axum::http::Request::head("/v1/runs").body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status.as_u16(), 401);
}
