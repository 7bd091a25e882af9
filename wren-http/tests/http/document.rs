//! The OpenAPI document: that it is the checked-in one, that it has every route and no other, and that what it says holds.
//! That answers are as it says is seen to by every test's requests.

use std::collections::BTreeSet;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use wren_http::{Access, RouteInfo, openapi_json, routes};

use crate::auth::filled;
use crate::support::World;
use crate::support::contract::{document, expect_valid, operations, parameters, resolved};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

fn operation(route: &RouteInfo) -> &'static Value {
    &document()["paths"][route.path][route.method.as_str().to_ascii_lowercase()]
}

#[test]
fn the_document_is_the_one_checked_in() {
    if std::env::var_os("WREN_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(FILE, openapi_json()).unwrap();
    }
    let file: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap_or_default()).unwrap_or_default();
    assert!(
        file == *document(),
        "wren-http/openapi.json is not what the code says: if the change is meant, `WREN_UPDATE=1 cargo test -p wren-http \
         --test http document` writes it anew, and the difference is for the reviewer to read"
    );
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let mounted: BTreeSet<(String, String)> =
        routes().map(|route| (route.path.to_owned(), route.method.as_str().to_ascii_lowercase())).collect();
    let documented: BTreeSet<(String, String)> =
        operations().map(|(path, method, _)| (path.to_owned(), method.to_owned())).collect();
    assert_eq!(mounted, documented);
    let ids: BTreeSet<&str> = operations().map(|(_, _, one)| one["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), documented.len(), "every operation has an id of its own");
}

#[test]
fn every_operation_says_what_it_is_for_and_what_its_path_names() {
    let tags: Vec<&Value> = document()["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for (path, method, operation) in operations() {
        let summary = operation["summary"].as_str().unwrap();
        assert!(
            summary.ends_with('.') && !summary.contains('\n') && !summary.contains("/v1"),
            "{method} {path}: {summary}"
        );
        assert!(tags.contains(&&operation["tags"][0]) && operation["tags"].as_array().unwrap().len() == 1, "{path}");
        let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(named.collect::<Vec<_>>(), parameters(operation, "path"), "{method} {path}");
        for response in operation["responses"].as_object().unwrap().values() {
            assert_ne!(resolved(response)["description"], "", "{method} {path}");
        }
    }
}

#[test]
fn every_operation_says_what_it_asks_of_its_caller() {
    for route in routes() {
        let operation = operation(&route);
        let scope = match route.access {
            Access::Key(scope) => json!(scope.as_str()),
            _ => Value::Null,
        };
        let security = if scope.is_null() { json!([]) } else { json!([{"ApiKey": [scope]}]) };
        assert_eq!((&operation["security"], &operation["x-scope"]), (&security, &scope), "{route:?}");
        let headers = parameters(operation, "header");
        assert_eq!(headers.contains(&"Wren-Signature"), route.access == Access::Signed, "{route:?}");
        assert_eq!(headers.contains(&"Wren-Delivery"), route.access == Access::Signed, "{route:?}");
        assert!(headers.contains(&"X-Correlation-ID"), "{route:?}");
        if !scope.is_null() {
            for status in ["401", "403"] {
                assert!(operation["responses"].get(status).is_some(), "{route:?} has no {status}");
            }
        }
    }
    assert_eq!(document()["components"]["securitySchemes"]["ApiKey"]["scheme"], "bearer");
}

/// Asks a route with a query string, and with what it requires beside it.
async fn ask(world: &World, route: &RouteInfo, query: &str) -> crate::support::Answer {
    let needed = if route.path == "/v1/explain" && !query.contains("expression=") { "&expression=@daily" } else { "" };
    let target = format!("{}?{query}{needed}", filled(route));
    world.send(world.request(route.method.as_str(), &target).body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_query_parameters_are_those_that_the_route_knows() {
    let world = World::new().await;
    // What a provider sends back is taken from it, whatever else it says.
    for route in routes().filter(|route| !route.path.ends_with("/callback")) {
        let documented = parameters(operation(&route), "query");
        if documented.is_empty() {
            continue;
        }
        let answer: Value = serde_json::from_str(&ask(&world, &route, "nowhere=1").await.text).unwrap();
        assert_eq!(answer["error"]["hint"], format!("this route takes {}", documented.join(", ")), "{route:?}");
    }
}

#[tokio::test]
async fn the_limits_of_query_parameters_are_those_that_hold() {
    let world = World::new().await;
    let mut tried = 0;
    for route in routes() {
        for parameter in operation(&route)["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "query") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            for (value, taken) in values(schema) {
                let answer = ask(&world, &route, &format!("{name}={value}")).await;
                assert_eq!(
                    answer.status != 400,
                    taken,
                    "{} {}?{name}={value}: {}",
                    route.method,
                    route.path,
                    answer.text
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

/// Returns values at the limits of a schema and beyond, and whether they are within.
fn values(schema: &Value) -> Vec<(String, bool)> {
    let mut values = Vec::new();
    // Several are taken where one is.
    if let Some(words) = schema["enum"].as_array().or(schema["items"]["enum"].as_array()) {
        values.extend(words.iter().map(|word| (word.as_str().unwrap().to_owned(), true)));
        values.push(("nowhere".to_owned(), false));
    }
    if let (Some(least), Some(most)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        values.extend([(least.to_string(), true), (most.to_string(), true), ("many".to_owned(), false)]);
        values.extend([((i128::from(least) - 1).to_string(), false), ((i128::from(most) + 1).to_string(), false)]);
    }
    if schema["format"] == "date-time" {
        values.extend([("2024-12-08T10:30:00Z".to_owned(), true), ("yesterday".to_owned(), false)]);
    }
    if schema["pattern"].is_string() {
        values.push(("a%2Fb".to_owned(), false));
    }
    values
}

#[test]
fn every_example_fits_its_schema() {
    let mut seen = 0;
    let mut look = |content: &'static Value, what: &str| {
        for (media, body) in content.as_object().into_iter().flatten() {
            let named = body["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
            for example in body.get("example").into_iter().chain(named) {
                expect_valid(&body["schema"], example, &format!("the example of {what}, {media}"));
                seen += 1;
            }
        }
    };
    for (path, method, operation) in operations() {
        look(&operation["requestBody"]["content"], &format!("{method} {path}"));
        for (status, response) in operation["responses"].as_object().unwrap() {
            look(&resolved(response)["content"], &format!("{method} {path}, {status}"));
        }
    }
    assert!(seen > 8, "{seen}");
}

#[tokio::test]
async fn the_document_is_served() {
    let world = World::new().await;
    let answer = world.send(axum::http::Request::get("/openapi.json").body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.json(200), *document());
    assert_eq!(document()["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_page_of_the_document_brings_all_that_it_needs() {
    let world = World::new().await;
    let answer = world.send(axum::http::Request::get("/docs").body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains("connect-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for element in ["style", "script"] {
        // There is one, it has no attributes, and it is the one that the policy lets through.
        assert_eq!(answer.text.matches(&format!("<{element}")).count(), 1);
        let inside = answer.text.split_once(&format!("<{element}>")).unwrap().1;
        let inside = inside.split_once(&format!("</{element}>")).unwrap().0;
        let hash = base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(inside));
        assert!(policy.contains(&format!("{element}-src 'sha256-{hash}'")), "{policy}");
    }
    for elsewhere in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!answer.text.contains(elsewhere), "the page names `{elsewhere}`");
    }
    // What the document holds is text to the page.
    for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!answer.text.contains(markup), "{markup}");
    }
}
