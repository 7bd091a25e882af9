//! The route table: every route with what it asks of its caller.

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use wren_core::{Error, ErrorCode};

use crate::api::Api;
use crate::auth::{self, Access, Demand, Scope};
use crate::error::{ApiError, invalid};
use crate::handlers::{
    connecting, deploy, deployments, document, explain, health, inbound, integrations, keys, logs, metrics, preview,
    revisions, runs, usage,
};
use crate::measure::measured;
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

macro_rules! method {
    (get) => {
        (MethodFilter::GET, Method::GET)
    };
    (post) => {
        (MethodFilter::POST, Method::POST)
    };
    (delete) => {
        (MethodFilter::DELETE, Method::DELETE)
    };
}

macro_rules! access {
    (Public) => {
        Access::Public
    };
    (Signed) => {
        Access::Signed
    };
    ($scope:ident) => {
        Access::Key(Scope::$scope)
    };
}

/// Makes the table and the operations of the OpenAPI document from the same rows: a handler that does not describe itself
/// with `#[utoipa::path]` does not compile. That each row and its handler name the same method and path is tested.
macro_rules! table {
    ($($method:ident $path:literal $access:ident $module:ident::$handler:ident;)*) => {
        static ROUTES: &[Route] = &[$({
            let (method, name) = method!($method);
            Route { method, name, path: $path, access: access!($access), mount: |method| on(method, $module::$handler) }
        },)*];

        /// The operations, as their handlers describe them.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler),*))]
        pub(crate) struct Operations;
    };
}

table! {
    get "/healthz" Public health::alive;
    get "/readyz" Public health::ready;
    get "/openapi.json" Public document::json;
    get "/docs" Public document::page;
    get "/llms.txt" Public document::guide;
    // It is about the whole server, which is nobody's business but its operators'.
    get "/metrics" Admin metrics::metrics;
    // A user's browser, which has no key: a ticket or a state says whose account it is about.
    get "/integrations/{name}/setup" Public connecting::setup_page;
    post "/integrations/{name}/setup" Public connecting::setup;
    get "/integrations/{name}/reauthorize" Public connecting::reauthorize_page;
    post "/integrations/{name}/reauthorize" Public connecting::reauthorize;
    get "/integrations/{name}/callback" Public connecting::callback;
    // A provider, which has no key either: what it sends is signed under the address's secret.
    post "/v1/inbound/email/{address}" Signed inbound::deliver;
    get "/v1/integrations" Read integrations::list;
    post "/v1/integrations/validate" Read integrations::validate;
    get "/v1/integrations/{name}" Read integrations::show;
    delete "/v1/integrations/{name}" Admin integrations::disconnect;
    post "/v1/integrations/{name}/connect" Admin integrations::connect;
    get "/v1/keys" Admin keys::list;
    post "/v1/keys" Admin keys::create;
    delete "/v1/keys/{id}" Admin keys::revoke;
    post "/v1/keys/{id}/rotate" Admin keys::rotate;
    get "/v1/usage" Read usage::show;
    post "/v1/scripts/deploy" Deploy deploy::deploy;
    post "/v1/triggers/preview" Deploy preview::preview;
    get "/v1/deployments" Read deployments::list;
    get "/v1/deployments/{id}" Read deployments::show;
    delete "/v1/deployments/{id}" Deploy deployments::undeploy;
    post "/v1/deployments/{id}/inbound" Deploy inbound::open;
    delete "/v1/deployments/{id}/inbound" Deploy inbound::close;
    post "/v1/deployments/{id}/pause" Deploy deployments::pause;
    post "/v1/deployments/{id}/resume" Deploy deployments::resume;
    get "/v1/deployments/{id}/revisions" Read revisions::list;
    get "/v1/deployments/{id}/revisions/{number}" Read revisions::show;
    post "/v1/deployments/{id}/rollback" Deploy revisions::rollback;
    get "/v1/deployments/{id}/runs" Read runs::list_of_deployment;
    post "/v1/deployments/{id}/runs" Run runs::run_now;
    get "/v1/explain" Read explain::explain;
    get "/v1/runs" Read runs::list;
    get "/v1/runs/{id}" Read runs::show;
    get "/v1/runs/{id}/logs" Read logs::read;
    post "/v1/runs/{id}/cancel" Run runs::cancel;
    post "/v1/runs/{id}/retry" Run runs::retry;
}

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
            // What watches the server must see it when it is busy, too.
            let is_limited = route.path != "/metrics";
            handler =
                handler.route_layer(from_fn_with_state((api.clone(), Demand { scope, is_limited }), auth::require));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(api.clone(), deadline::limit))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(api.clone(), correlation::edge))
        .layer(from_fn(measured))
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
