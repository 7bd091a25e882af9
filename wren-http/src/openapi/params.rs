//! Parameters: what the extractors say of themselves.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, Object};
use utoipa::openapi::{RefOr, Required, Schema};

use wren_core::DeploymentId;

use super::words;
use crate::extract::{Id, IdempotencyKey, MAX_IDEMPOTENCY_KEY, MAX_NAME_BYTES, Matching, Named, Numbered, PathId};
use crate::handlers::LastEvent;
use crate::query::{Query, QueryParams};

/// Describes a parameter of the query string that may be left out.
pub(crate) fn query(name: &str, schema: impl Into<Schema>, description: &str) -> Parameter {
    parameter(ParameterIn::Query, Required::False, name, schema.into(), description)
}

/// Describes a parameter of the query string that takes several values, separated by commas.
pub(crate) fn several(name: &str, of: impl Into<Schema>, description: &str) -> Parameter {
    let values = ArrayBuilder::new().items(RefOr::T(of.into())).min_items(Some(1)).build();
    let mut parameter = query(name, Schema::Array(values), description);
    parameter.style = Some(ParameterStyle::Form);
    parameter.explode = Some(false);
    parameter
}

/// Describes a header that a request must have.
pub(crate) fn required_header(name: &str, schema: impl Into<Schema>, description: &str) -> Parameter {
    parameter(ParameterIn::Header, Required::True, name, schema.into(), description)
}

/// Describes what a path names.
pub(crate) fn path(name: &str, schema: impl Into<Schema>, description: &str) -> Parameter {
    parameter(ParameterIn::Path, Required::True, name, schema.into(), description)
}

/// Describes the header that every request may have.
pub(super) fn correlation() -> Parameter {
    let description = "Follows the request through the platform's logs: 1 to 128 letters, digits or `._:-`, and echoed. \
                       Anything else is passed over; then the trace id of a `traceparent` takes its place, or a new id.";
    header("X-Correlation-ID", words::string().build(), description)
}

fn header(name: &str, schema: impl Into<Schema>, description: &str) -> Parameter {
    parameter(ParameterIn::Header, Required::False, name, schema.into(), description)
}

fn parameter(place: ParameterIn, required: Required, name: &str, schema: Schema, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(RefOr::T(schema)))
        .build()
}

impl<T: QueryParams> IntoParams for Query<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::describe()
    }
}

impl<T: PathId> IntoParams for Id<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path("id", words::id(T::PREFIX), &format!("The id of a {}.", T::WHAT))]
    }
}

impl IntoParams for Numbered {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = words::integer().minimum(Some(1)).maximum(Some(u32::MAX)).build();
        vec![
            path("id", words::id(DeploymentId::PREFIX), "The id of a deployment."),
            path("number", number, "The number of one of its revisions."),
        ]
    }
}

impl IntoParams for Matching {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `ETag` of an answer that the caller still has, or several with commas between: where it is \
                           still right, the answer is 304 and has no body.";
        vec![header("If-None-Match", words::string().build(), description)]
    }
}

impl IntoParams for Named {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = words::string().min_length(Some(1)).max_length(Some(MAX_NAME_BYTES)).build();
        vec![path("name", name, "The name of an integration, as scripts import it.")]
    }
}

impl IntoParams for LastEvent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "With events: the `id` of the last one that was heard, as an `EventSource` sends it. The later of it \
                           and `after` counts.";
        vec![header("Last-Event-ID", words::pattern("^([0-9]{1,19}(\\.end)?)?$"), description)]
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema: Object = words::pattern(&format!("^[ -~]{{1,{MAX_IDEMPOTENCY_KEY}}}$"));
        let description = "Makes a repeated request one request: the same key for the same deployment is the same run.";
        vec![header("Idempotency-Key", schema, description)]
    }
}
