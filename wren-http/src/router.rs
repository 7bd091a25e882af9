//! The route table: every route with what it asks of its caller.

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::catch_panic::CatchPanicLayer;
use wren_core::{Error, ErrorCode};

use crate::api::Api;
use crate::auth::{self, Access, Scope};
use crate::error::{ApiError, invalid};
use crate::handlers::{connecting, deploy, deployments, explain, health, inbound, integrations, logs, preview, runs};
use crate::{correlation, deadline};

/// A route, for documentation and for tests that must see all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
}

/// A row of the table. There is no way to mount a handler but through one, and none without an `access`.
struct Route {
    method: MethodFilter,
    name: Method,
    path: &'static str,
    access: Access,
    mount: fn(MethodFilter) -> MethodRouter<Api>,
}

const fn get(path: &'static str, access: Access, mount: fn(MethodFilter) -> MethodRouter<Api>) -> Route {
    Route { method: MethodFilter::GET, name: Method::GET, path, access, mount }
}

const fn post(path: &'static str, access: Access, mount: fn(MethodFilter) -> MethodRouter<Api>) -> Route {
    Route { method: MethodFilter::POST, name: Method::POST, path, access, mount }
}

const fn delete(path: &'static str, access: Access, mount: fn(MethodFilter) -> MethodRouter<Api>) -> Route {
    Route { method: MethodFilter::DELETE, name: Method::DELETE, path, access, mount }
}

const READ: Access = Access::Key(Scope::Read);
const DEPLOY: Access = Access::Key(Scope::Deploy);
const RUN: Access = Access::Key(Scope::Run);
const ADMIN: Access = Access::Key(Scope::Admin);

static ROUTES: &[Route] = &[
    get("/healthz", Access::Public, |method| on(method, health::alive)),
    get("/readyz", Access::Public, |method| on(method, health::ready)),
    // A user's browser, which has no key: a ticket or a state says whose account it is about.
    get("/integrations/{name}/setup", Access::Public, |method| on(method, connecting::page)),
    post("/integrations/{name}/setup", Access::Public, |method| on(method, connecting::submit)),
    get("/integrations/{name}/reauthorize", Access::Public, |method| on(method, connecting::page)),
    post("/integrations/{name}/reauthorize", Access::Public, |method| on(method, connecting::submit)),
    get("/integrations/{name}/callback", Access::Public, |method| on(method, connecting::callback)),
    // A provider, which has no key either: what it sends is signed under the address's secret.
    post("/v1/inbound/email/{address}", Access::Signed, |method| on(method, inbound::deliver)),
    get("/v1/integrations", READ, |method| on(method, integrations::list)),
    post("/v1/integrations/validate", READ, |method| on(method, integrations::validate)),
    get("/v1/integrations/{name}", READ, |method| on(method, integrations::show)),
    delete("/v1/integrations/{name}", ADMIN, |method| on(method, integrations::disconnect)),
    post("/v1/integrations/{name}/connect", ADMIN, |method| on(method, integrations::connect)),
    post("/v1/scripts/deploy", DEPLOY, |method| on(method, deploy::deploy)),
    post("/v1/triggers/preview", DEPLOY, |method| on(method, preview::preview)),
    get("/v1/deployments", READ, |method| on(method, deployments::list)),
    get("/v1/deployments/{id}", READ, |method| on(method, deployments::show)),
    delete("/v1/deployments/{id}", DEPLOY, |method| on(method, deployments::undeploy)),
    post("/v1/deployments/{id}/inbound", DEPLOY, |method| on(method, inbound::open)),
    delete("/v1/deployments/{id}/inbound", DEPLOY, |method| on(method, inbound::close)),
    post("/v1/deployments/{id}/pause", DEPLOY, |method| on(method, deployments::pause)),
    post("/v1/deployments/{id}/resume", DEPLOY, |method| on(method, deployments::resume)),
    get("/v1/deployments/{id}/runs", READ, |method| on(method, runs::list_of_deployment)),
    post("/v1/deployments/{id}/runs", RUN, |method| on(method, runs::run_now)),
    get("/v1/explain", READ, |method| on(method, explain::explain)),
    get("/v1/runs", READ, |method| on(method, runs::list)),
    get("/v1/runs/{id}", READ, |method| on(method, runs::show)),
    get("/v1/runs/{id}/logs", READ, |method| on(method, logs::read)),
    post("/v1/runs/{id}/cancel", RUN, |method| on(method, runs::cancel)),
];

/// Lists every route.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    ROUTES.iter().map(|route| RouteInfo { method: route.name.clone(), path: route.path, access: route.access })
}

/// Makes the router of an API.
///
/// From the outside in: the correlation id and the form of errors, panics, the time limit, the key, the handler.
pub fn router(api: Api) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = (route.mount)(route.method);
        if let Access::Key(scope) = route.access {
            handler = handler.route_layer(from_fn_with_state((api.clone(), scope), auth::require));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(api.clone(), deadline::limit))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(correlation::edge))
        .with_state(api)
}

async fn unknown_route(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(128).collect();
    Error::not_found(format!("route {method} {path}")).with_hint("the API's paths begin with `/v1/`").into()
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(128).collect();
    let error =
        invalid(format!("{path} cannot be used with {method}"), "the `Allow` header names the methods that can");
    ApiError::from(error).with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Turns a panic into an error as any other, so that a fault in one request ends that request only.
#[allow(clippy::needless_pass_by_value, reason = "the layer hands over what the panic carried")]
fn panicked(payload: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("of an unknown kind");
    ApiError::from(Error::new(ErrorCode::Internal, format!("a handler panicked: {text}"))).into_response()
}
