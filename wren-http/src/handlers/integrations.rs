//! The caller's integrations: whether they are ready, and how they are connected.

use axum::extract::State;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use utoipa::ToSchema;
use wren_core::Error;

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::deadline::to_the_end;
use crate::error::{ApiResult, invalid};
use crate::extract::{MAX_NAME_BYTES, Named};
use crate::views::{ConnectLink, IntegrationList, IntegrationView, Validation};

/// How many integrations one may ask about at once.
const MAX_NAMES: usize = 100;

/// Which integrations are asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateBody {
    /// The integrations that a script imports; of each name at most 64 bytes.
    #[schema(max_items = 100)]
    integrations: Vec<String>,
}

impl Payload for ValidateBody {}

impl ValidateBody {
    /// Refuses more than any script imports: every name is looked up in the vault, and every unknown one compared with
    /// all that exist.
    fn check(&self) -> Result<(), Error> {
        let count = self.integrations.len();
        if count > MAX_NAMES {
            let message = format!("`integrations` has {count} names, and at most {MAX_NAMES} are taken");
            return Err(invalid(message, "ask about fewer at once").with_detail("limit", MAX_NAMES));
        }
        let Some(place) = self.integrations.iter().position(|name| name.len() > MAX_NAME_BYTES) else { return Ok(()) };
        let length = self.integrations[place].len();
        let message =
            format!("`integrations[{place}]` is {length} bytes long, and a name has at most {MAX_NAME_BYTES}");
        Err(invalid(message, "send names such as `gmail`").with_detail("limit", MAX_NAME_BYTES))
    }
}

/// Says whether integrations are ready for a script.
///
/// Answers 200 either way: what is wrong is the answer, not an error of the request.
#[utoipa::path(
    post, path = "/v1/integrations/validate", operation_id = "validate_integrations", tag = "integrations",
    request_body(content = ValidateBody, description = "The integrations, not the script."),
    responses((status = 200, description = "Whether they are ready, and what is wrong.", body = Validation)),
)]
pub(crate) async fn validate(
    State(api): State<Api>,
    caller: Caller,
    Json(body): Json<ValidateBody>,
) -> ApiResult<axum::Json<Validation>> {
    body.check()?;
    let report = api.engine.validate_integrations(&caller.owner, &body.integrations).await?;
    Ok(axum::Json(Validation::from(&report)))
}

/// Lists every integration that the server knows.
#[utoipa::path(
    get, path = "/v1/integrations", operation_id = "list_integrations", tag = "integrations",
    responses((status = 200, description = "All of them, by name.", body = IntegrationList)),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> ApiResult<axum::Json<IntegrationList>> {
    let now = api.engine.clock().now();
    let statuses = api.engine.vault().list(&caller.owner, now).await?;
    let known = api.engine.rules().integrations.all().iter();
    let integrations = known.map(|integration| {
        let status = statuses.iter().find(|status| status.integration == integration.name);
        IntegrationView::new(integration, status, now)
    });
    Ok(axum::Json(IntegrationList { integrations: integrations.collect() }))
}

/// Shows an integration.
#[utoipa::path(
    get, path = "/v1/integrations/{name}", operation_id = "show_integration", tag = "integrations",
    params(Named),
    responses((status = 200, description = "The integration.", body = IntegrationView), (status = 422)),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> ApiResult<axum::Json<IntegrationView>> {
    let directory = &api.engine.rules().integrations;
    let integration = directory.find(&name).ok_or_else(|| directory.unknown(&name))?;
    let now = api.engine.clock().now();
    let status = api.engine.vault().status(&caller.owner, &name, now).await?;
    Ok(axum::Json(IntegrationView::new(integration, status.as_ref(), now)))
}

/// Deletes an integration's credential.
///
/// Deleting what is not there is no error.
#[utoipa::path(
    delete, path = "/v1/integrations/{name}", operation_id = "disconnect", tag = "integrations",
    params(Named),
    responses((status = 200, description = "The integration as it is then.", body = IntegrationView), (status = 422)),
)]
pub(crate) async fn disconnect(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> ApiResult<axum::Json<IntegrationView>> {
    let (connections, owner, integration) = (api.connections()?.clone(), caller.owner.clone(), name.clone());
    to_the_end(async move { connections.disconnect(&owner, &integration).await }).await?;
    show(State(api), caller, Named(name)).await
}

/// What a user is to be asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectBody {
    /// The scopes to ask for besides the usual ones, in the service's words.
    #[serde(default)]
    scopes: Vec<String>,
}

impl Payload for ConnectBody {}

/// Makes a link on which the user connects an integration.
///
/// It works once, and for ten minutes.
#[utoipa::path(
    post, path = "/v1/integrations/{name}/connect", operation_id = "connect", tag = "integrations",
    params(Named),
    request_body(content = Option<ConnectBody>, description = "May be left out."),
    responses((status = 200, description = "The link.", body = ConnectLink), (status = 409), (status = 422)),
)]
pub(crate) async fn connect(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
    body: Option<Json<ConnectBody>>,
) -> ApiResult<axum::Json<ConnectLink>> {
    let ConnectBody { scopes } = body.map(|Json(body)| body).unwrap_or_default();
    let connections = api.connections()?;
    let invitation = connections.invite(&caller.owner, &name, &scopes, api.engine.clock().now()).await?;
    // The ticket's letters need no escape.
    let url = format!("{}?ticket={}", connections.setup_url(&name), invitation.ticket.expose_secret());
    Ok(axum::Json(ConnectLink { url, expires_at: invitation.expires_at }))
}
