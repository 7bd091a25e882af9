//! The OpenAPI document, held against every request that a test sends and every answer that it sees.
//!
//! Objects are closed here: the document leaves room for keys to come, and what is there today has to be in it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::body::{Body, HttpBody};
use axum::http::{Request, header};
use http_body_util::BodyExt;
use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(wren_http::openapi_json()).unwrap());
static COMPONENTS: LazyLock<Value> = LazyLock::new(|| closed_components(&DOCUMENT["components"]["schemas"]));
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Ends the name of a schema that is a part of others, and so cannot be closed itself.
const OPEN: &str = "__open";

/// What a test sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) target: String,
    pub(crate) content_type: Option<String>,
    /// The body, unless it came in pieces.
    pub(crate) body: Option<Vec<u8>>,
}

impl Sent {
    /// Looks at a request, and returns one like it.
    pub(super) async fn of(request: Request<Body>) -> (Self, Request<Body>) {
        let (parts, body) = request.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        let (body, whole) = match body.size_hint().exact() {
            // A body that may never end is left to the router.
            None => (body, None),
            Some(_) => {
                let bytes = body.collect().await.unwrap().to_bytes();
                (Body::from(bytes.clone()), Some(bytes.to_vec()))
            }
        };
        let sent = Self { method: parts.method.to_string(), target: parts.uri.to_string(), content_type, body: whole };
        (sent, Request::from_parts(parts, body))
    }
}

/// Returns the document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// Lists the operations: path, method in lower case, operation.
pub(crate) fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Returns what a `$ref` leads to, or the thing itself.
pub(crate) fn resolved(thing: &'static Value) -> &'static Value {
    match thing["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => thing,
    }
}

/// Refuses a value that does not match a schema of the document.
#[track_caller]
pub(crate) fn expect_valid(schema: &Value, value: &Value, what: &str) {
    let validator = validator(schema);
    let faults: Vec<String> =
        validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{what} is not as the document says: {faults:#?}\n{value:#}");
}

/// Refuses an answer that the document does not have.
pub(super) fn check(sent: &Sent, answer: &Answer) {
    let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
    let method = if sent.method == "HEAD" { "get".to_owned() } else { sent.method.to_ascii_lowercase() };
    let what = format!("{} {path}, answered {}", sent.method, answer.status);
    let operation = operations().find(|(template, of, _)| *of == method && fits(template, path));
    let Some((_, _, operation)) = operation else {
        assert!([404, 405].contains(&answer.status.as_u16()), "{what}: there is no such operation");
        let error = serde_json::from_str(&answer.text).unwrap();
        return expect_valid(&json!({"$ref": "#/components/schemas/ErrorBody"}), &error, &what);
    };
    let response = operation["responses"].get(answer.status.as_str());
    let response = resolved(response.unwrap_or_else(|| panic!("{what}: the document has no such status")));
    check_headers(response, answer, &what);
    if sent.method != "HEAD" {
        check_body(response, answer, &what);
    }
    if answer.status.is_success() {
        check_request(operation, sent, query, &what);
    }
}

fn check_headers(response: &'static Value, answer: &Answer, what: &str) {
    let documented: HashMap<String, &Value> = response["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, header)| (name.to_ascii_lowercase(), &header["schema"]))
        .collect();
    for (name, value) in &answer.headers {
        // What HTTP is made of needs no description, nor does what every answer has.
        let usual = ["content-type", "content-length", "cache-control", "x-content-type-options", "allow"];
        if usual.contains(&name.as_str()) || name == "content-security-policy" || name == "referrer-policy" {
            continue;
        }
        // A page's cookie is its own business.
        let Some(schema) = documented.get(name.as_str()) else {
            assert!(name == "set-cookie", "{what}: the header {name} is not in the document");
            continue;
        };
        let text = value.to_str().unwrap();
        let value = text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
        expect_valid(schema, &value, &format!("{what}: the header {name}"));
    }
    for name in ["x-correlation-id", "location", "www-authenticate"] {
        assert_eq!(documented.contains_key(name), answer.headers.contains_key(name), "{what}: {name}");
    }
}

fn check_body(response: &'static Value, answer: &Answer, what: &str) {
    let Some(content) = response["content"].as_object() else {
        assert_eq!(answer.text, "", "{what}: the document has no body");
        return;
    };
    let media = answer.header("content-type").unwrap().split(';').next().unwrap();
    let body = content.get(media).unwrap_or_else(|| panic!("{what}: {media} is not in the document"));
    let value = match media {
        "application/json" => serde_json::from_str(&answer.text).unwrap(),
        _ => json!(answer.text),
    };
    expect_valid(&body["schema"], &value, what);
}

/// What was taken has to be what the document says is taken.
fn check_request(operation: &'static Value, sent: &Sent, query: &str, what: &str) {
    let known = parameters(operation, "query");
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        // A provider may say more than is asked of it.
        let known = known.contains(&&*name) || operation["operationId"] == "callback";
        assert!(known, "{what}: the query parameter {name} is not in the document");
    }
    let Some(body) = sent.body.as_deref() else { return };
    let documented = &operation["requestBody"];
    if body.is_empty() {
        assert_ne!(documented["required"], true, "{what}: the body is required");
    } else if sent.content_type.as_deref() == Some("application/json") && !documented.is_null() {
        let value = serde_json::from_slice(body).unwrap();
        expect_valid(&documented["content"]["application/json"]["schema"], &value, &format!("{what}: the request"));
    }
}

/// Returns the names of an operation's parameters in a place.
pub(crate) fn parameters(operation: &'static Value, place: &str) -> Vec<&'static str> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place).map(|parameter| parameter["name"].as_str().unwrap()).collect()
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    // A path that is named in full is no parameter of another.
    let named = operations().any(|(other, _, _)| other == path.join("/"));
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(part, given)| if part.starts_with('{') { !given.is_empty() && !named } else { part == given })
}

fn validator(schema: &Value) -> Arc<Validator> {
    let key = schema.to_string();
    let mut validators = VALIDATORS.lock();
    let made = validators.entry(key).or_insert_with(|| {
        let mut schema = closed(schema, true);
        schema["components"] = json!({"schemas": *COMPONENTS});
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&schema).unwrap())
    });
    Arc::clone(made)
}

/// Returns each schema twice: closed under its name, and as a part of others.
fn closed_components(schemas: &Value) -> Value {
    let schemas = schemas.as_object().unwrap().iter();
    let both = schemas.flat_map(|(name, schema)| {
        [(name.clone(), closed(schema, true)), (format!("{name}{OPEN}"), closed(schema, false))]
    });
    Value::Object(both.collect())
}

/// Closes all that a schema is made of, and if `itself` it, too.
fn closed(schema: &Value, itself: bool) -> Value {
    let Value::Object(keys) = schema else { return schema.clone() };
    let mut made = Map::new();
    for (key, value) in keys {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(all)) => {
                Value::Object(all.iter().map(|(name, one)| (name.clone(), closed(one, true))).collect())
            }
            ("oneOf" | "anyOf", Value::Array(all)) => all.iter().map(|one| closed(one, true)).collect(),
            ("allOf", Value::Array(all)) => all.iter().map(|one| closed(one, false)).collect(),
            ("items" | "additionalProperties", value) => closed(value, true),
            ("$ref", Value::String(to)) if !itself => json!(format!("{to}{OPEN}")),
            (_, value) => value.clone(),
        };
        made.insert(key.clone(), value);
    }
    let open = keys.contains_key("additionalProperties");
    if itself && !open && (keys.contains_key("properties") || keys.contains_key("allOf")) {
        made.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    Value::Object(made)
}
