//! The caller's integrations: whether they are ready, and how they are connected.

use axum::extract::State;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateBody {
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

/// `POST /v1/integrations/validate`: answers 200 either way; what is wrong is the answer, not an error of the request.
pub(crate) async fn validate(
    State(api): State<Api>,
    caller: Caller,
    Json(body): Json<ValidateBody>,
) -> ApiResult<axum::Json<Validation>> {
    body.check()?;
    let report = api.engine.validate_integrations(&caller.owner, &body.integrations).await?;
    Ok(axum::Json(Validation::from(&report)))
}

/// `GET /v1/integrations`: every integration that the server knows, by name.
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

/// `GET /v1/integrations/{name}`.
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

/// `DELETE /v1/integrations/{name}`: the integration as it is then. Deleting what is not there is no error.
pub(crate) async fn disconnect(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> ApiResult<axum::Json<IntegrationView>> {
    let (connections, owner, integration) = (api.connections()?.clone(), caller.owner.clone(), name.clone());
    to_the_end(async move { connections.disconnect(&owner, &integration).await }).await?;
    show(State(api), caller, Named(name)).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectBody {
    /// The scopes to ask for besides the usual ones.
    #[serde(default)]
    scopes: Vec<String>,
}

impl Payload for ConnectBody {}

/// `POST /v1/integrations/{name}/connect`, with or without a body: a link for the user.
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
