//! Listing, showing, pausing, resuming and removing deployments.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use wren_core::model::{DeploymentOverview, DeploymentStatus};
use wren_core::store::ListDeployments;
use wren_core::{DeploymentId, DeploymentName, Error, OwnerId};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::deadline::to_the_end;
use crate::error::{ApiResult, invalid};
use crate::extract::Id;
use crate::openapi::params::query;
use crate::openapi::words;
use crate::query::{Params, Query, QueryParams, describe_page};
use crate::views::{DeploymentDetail, DeploymentList, DeploymentSummary, TriggerFacts, WatchView};

/// The longest reason for a pause, in characters.
const MAX_REASON: usize = 500;

impl QueryParams for ListDeployments {
    fn describe() -> Vec<Parameter> {
        let mut parameters = vec![
            query("status", words::one_of(&DeploymentStatus::ALL), "Only deployments in this status."),
            query("name", words::pattern(words::NAME), "Only the deployment of this name."),
        ];
        parameters.extend(describe_page("deployments"));
        parameters
    }

    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        let words = DeploymentStatus::ALL.map(DeploymentStatus::as_str);
        Ok(Self {
            status: params.word("status", &words, DeploymentStatus::parse)?,
            name: params.take("name", "a deployment's name", |text| DeploymentName::new(text).ok())?,
            page: params.page(api)?,
        })
    }
}

/// Lists deployments.
///
/// All that are not undeployed, latest created first, unless a status is asked for.
#[utoipa::path(
    get, path = "/v1/deployments", operation_id = "list_deployments", tag = "deployments",
    params(Query<ListDeployments>),
    responses((status = 200, description = "A page of deployments.", body = DeploymentList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(options): Query<ListDeployments>,
) -> ApiResult<axum::Json<DeploymentList>> {
    let page = api.engine.deployments(&caller.owner, options).await?;
    let deployments = page.items.iter().map(DeploymentSummary::from).collect();
    Ok(axum::Json(DeploymentList { deployments, next_cursor: page.next }))
}

/// Shows a deployment.
#[utoipa::path(
    get, path = "/v1/deployments/{id}", operation_id = "show_deployment", tag = "deployments",
    params(Id<DeploymentId>),
    responses((status = 200, description = "The deployment.", body = DeploymentDetail)),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
) -> ApiResult<axum::Json<DeploymentDetail>> {
    let overview = api.engine.deployment(&caller.owner, id).await?;
    detail(&api, &caller.owner, &overview).await
}

/// Removes a deployment.
///
/// Its triggers fire no more, what is queued is cancelled, and its name is free; its history stays.
#[utoipa::path(
    delete, path = "/v1/deployments/{id}", operation_id = "undeploy", tag = "deployments",
    params(Id<DeploymentId>),
    responses((status = 200, description = "The deployment as it is then.", body = DeploymentDetail), (status = 409)),
)]
pub(crate) async fn undeploy(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
) -> ApiResult<axum::Json<DeploymentDetail>> {
    let (engine, owner, inbound) = (api.engine.clone(), caller.owner.clone(), api.inbound_mail().ok());
    let overview = to_the_end(async move {
        let overview = engine.undeploy(&owner, id).await?;
        // Its address takes nothing any more, whether this succeeds or not.
        if let Some(inbound) = inbound
            && let Err(error) = inbound.close(&owner, id).await
        {
            tracing::warn!(deployment_id = %id, error = error.chain(), "the address of an undeployed deployment stays");
        }
        Ok::<_, Error>(overview)
    })
    .await?;
    detail(&api, &caller.owner, &overview).await
}

/// How a deployment is paused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseBody {
    /// Why; it is shown as the deployment's `status_reason`.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// When the pause ends by itself, an instant in the future; without one it lasts until the deployment is resumed.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
}

impl Payload for PauseBody {}

/// Pauses a deployment.
///
/// Due times are skipped, queued runs wait, runs in progress go on. Pausing twice is no error, and the latest `until` counts.
#[utoipa::path(
    post, path = "/v1/deployments/{id}/pause", operation_id = "pause", tag = "deployments",
    params(Id<DeploymentId>),
    request_body(content = Option<PauseBody>, description = "May be left out."),
    responses((status = 200, description = "The deployment as it is then.", body = DeploymentDetail), (status = 409)),
)]
pub(crate) async fn pause(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
    body: Option<Json<PauseBody>>,
) -> ApiResult<axum::Json<DeploymentDetail>> {
    let PauseBody { reason, until } = body.map(|Json(body)| body).unwrap_or_default();
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
        let message = format!("`reason` is longer than {MAX_REASON} characters");
        return Err(invalid(message, "say it shorter").into());
    }
    let (engine, owner) = (api.engine.clone(), caller.owner.clone());
    let overview = to_the_end(async move { engine.pause(&owner, id, reason, until).await }).await?;
    detail(&api, &caller.owner, &overview).await
}

/// Makes a deployment active again.
///
/// One that is paused, or that needed attention. Resuming twice is no error.
#[utoipa::path(
    post, path = "/v1/deployments/{id}/resume", operation_id = "resume", tag = "deployments",
    params(Id<DeploymentId>),
    responses((status = 200, description = "The deployment as it is then.", body = DeploymentDetail), (status = 409)),
)]
pub(crate) async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
) -> ApiResult<axum::Json<DeploymentDetail>> {
    let (engine, owner) = (api.engine.clone(), caller.owner.clone());
    let overview = to_the_end(async move { engine.resume(&owner, id).await }).await?;
    detail(&api, &caller.owner, &overview).await
}

async fn detail(api: &Api, owner: &OwnerId, overview: &DeploymentOverview) -> ApiResult<axum::Json<DeploymentDetail>> {
    let deployment = &overview.deployment;
    let revision = api.engine.revision(owner, deployment.id, deployment.revision).await?;
    let now = api.engine.clock().now();
    let mut facts = Vec::with_capacity(overview.triggers.len());
    for trigger in &overview.triggers {
        let history = api.engine.trigger_history(owner, trigger.id).await?;
        let watch = api.engine.watch_health(trigger).await?.map(|health| WatchView::new(health, now));
        facts.push(TriggerFacts { history, watch });
    }
    Ok(axum::Json(DeploymentDetail::new(overview, &revision, facts)))
}
