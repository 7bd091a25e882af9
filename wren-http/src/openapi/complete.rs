//! What an operation has because of its route.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Ref, Schema};
use utoipa::openapi::{Content, OpenApi, RefOr, SecurityRequirement};
use utoipa::{PartialSchema, ToSchema};

use super::{KEY, examples, params, refusals, shapes, words};
use crate::auth::Access;
use crate::router::RouteInfo;

/// The pages of a user's browser, to which errors are pages, too.
const PAGES: &str = "/integrations/";

/// Completes the operation of a route. One that is not there is left for the test that compares the two.
pub(super) fn complete(document: &mut OpenApi, route: &RouteInfo) {
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(shapes::ErrorBody::name().into_owned(), shapes::ErrorBody::schema())];
    shapes::ErrorBody::schemas(&mut schemas);
    components.schemas.extend(schemas);

    let Some(operation) = document.paths.paths.get_mut(route.path).and_then(|item| of(item, route)) else { return };
    operation.security = match route.access {
        // Since version 3.1 the list may name what the key must be good for, whatever the scheme.
        Access::Key(scope) => Some(vec![SecurityRequirement::new(KEY, [scope.as_str()])]),
        Access::Public | Access::Signed => Some(Vec::new()),
    };
    if let Access::Key(scope) = route.access {
        operation.extensions = Some(ExtensionsBuilder::new().add("x-scope", scope.as_str()).build());
    }
    if let Some(body) = &mut operation.request_body {
        body.content.values_mut().for_each(without_null);
    }

    let mut statuses = refusals::of(route, operation);
    let declared = operation.responses.responses.keys().filter_map(|status| status.parse().ok());
    statuses.extend(declared.filter(|&status: &u16| status > 399));
    let as_page = route.path.starts_with(PAGES);
    for status in statuses {
        let name = refusals::name(status);
        let response: RefOr<_> = match as_page {
            true => with_correlation(refusals::response(status, true)).into(),
            false => {
                let shared = || with_rate_limit(with_correlation(refusals::response(status, false))).into();
                components.responses.entry(name.clone()).or_insert_with(shared);
                RefOr::Ref(Ref::from_response_name(name))
            }
        };
        operation.responses.responses.insert(status.to_string(), response);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            *response = with_correlation(response.clone());
            if matches!(route.access, Access::Key(_)) {
                *response = with_rate_limit(response.clone());
            }
        }
    }
    operation.parameters.get_or_insert_default().push(params::correlation());
    examples::put(operation);
}

/// Takes the null out of a body that may be left out: no body is not the body `null`.
fn without_null(content: &mut Content) {
    let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema else { return };
    if let Some(whole @ RefOr::Ref(_)) = choice.items.last() {
        content.schema = Some(whole.clone());
    }
}

fn with_correlation(mut response: utoipa::openapi::Response) -> utoipa::openapi::Response {
    let mut header = Header::new(Ref::from_schema_name(words::CorrelationId::name()));
    header.description = Some("The request's own, or a new one.".to_owned());
    response.headers.insert("X-Correlation-ID".to_owned(), header);
    response
}

/// Adds what is left of the key's requests, where there is a key whose requests are counted.
fn with_rate_limit(mut response: utoipa::openapi::Response) -> utoipa::openapi::Response {
    for (name, description) in [
        ("RateLimit-Policy", "How many requests a minute the key may send: `q` in `w` seconds."),
        (
            "RateLimit",
            "How many it may send now, as `r`, and in how many seconds it may send a full burst again, as `t`.",
        ),
    ] {
        let mut header = Header::new(words::string().build());
        header.description = Some(format!("{description} Absent where requests are not counted."));
        response.headers.insert(name.to_owned(), header);
    }
    response
}

fn of<'a>(item: &'a mut PathItem, route: &RouteInfo) -> Option<&'a mut Operation> {
    let operation = match route.method.as_str() {
        "GET" => &mut item.get,
        "POST" => &mut item.post,
        "DELETE" => &mut item.delete,
        _ => return None,
    };
    operation.as_mut()
}
