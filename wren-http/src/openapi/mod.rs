//! The OpenAPI document, made from the code: the route table, the handlers and the bodies.
//!
//! A handler says with `#[utoipa::path]` what is its own: what it does, what it takes, what it answers, and which refusals it
//! adds. What follows from its route, the key, the refusals that every route of that kind has and the headers of every
//! answer, is put in [`complete`]. `openapi.json` beside the sources is what came out; a test compares.

mod complete;
mod examples;
pub(crate) mod params;
mod refusals;
pub(crate) mod shapes;
pub(crate) mod words;

use std::sync::LazyLock;

use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, Tag};

use crate::auth::Scope;
use crate::router::{Operations, routes};

/// The name of the security scheme.
const KEY: &str = "ApiKey";

/// What the document says of the API as a whole.
const DESCRIPTION: &str = "\
Agents deploy small Python scripts; Wren runs them, on schedules and events.

**Keys.** Whatever asks for a key takes it as `Authorization: Bearer wren_…`; `x-scope` is the scope that the key must \
have, and `admin` is all of them.

**Errors.** Every answer above 399 is `{\"error\": {…}}`: `type` says who must act, `code` is stable, and where several \
faults were found `details.diagnostics` has all of them. What belongs to another owner is answered as if it did not exist.

**Limits.** A key may send so many requests a minute; beyond it the answer is 429, with `Retry-After`, and every answer says in \
`RateLimit` how many are left. Where an owner's quota is used up the answer is 402, or 429 if it begins anew by itself.

**Lists** are read by `next_cursor`, which is absent from the last page. A query parameter that a list does not know is \
refused.

**Instants** are RFC 3339, in UTC with `Z` in answers. Limits are those of a server whose host has set no others.";

static JSON: LazyLock<String> = LazyLock::new(|| {
    let mut document = Operations::openapi();
    document.info = InfoBuilder::new()
        .title("Wren")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    document.tags = Some(tags());
    let components = document.components.get_or_insert_default();
    let description = format!(
        "An API key, made by `wren keys create`, with the scopes that it needs of {}.",
        Scope::ALL.map(|scope| format!("`{scope}`")).join(", ")
    );
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some(description);
    components.add_security_scheme(KEY, SecurityScheme::Http(scheme));
    for route in routes() {
        complete::complete(&mut document, &route);
    }
    let mut text = serde_json::to_string_pretty(&document).expect("a document has keys of text only");
    text.push('\n');
    text
});

/// Returns the OpenAPI 3.1 document of the API, as `GET /openapi.json` answers: JSON in UTF-8, with a line break at its end.
#[must_use]
pub fn openapi_json() -> &'static str {
    &JSON
}

fn tags() -> Vec<Tag> {
    [
        ("deployments", "Scripts and what became of them."),
        ("runs", "Executions, their results and what they printed."),
        ("schedules", "What cron expressions mean."),
        ("integrations", "The services that scripts use, and the user's leave to."),
        ("account", "The owner's keys, quotas and what is used of them."),
        ("mail", "Mail that providers hand over."),
        ("pages", "What a user's browser sees while it connects an integration."),
        ("probes", "For load balancers and supervisors."),
        ("document", "This document."),
    ]
    .into_iter()
    .map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())
    .collect()
}
