//! Listing, showing, pausing, resuming and removing deployments.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use wren_core::model::{DeploymentOverview, DeploymentStatus};
use wren_core::store::ListDeployments;
use wren_core::{DeploymentId, DeploymentName, Error, OwnerId};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::deadline::to_the_end;
use crate::error::{ApiResult, invalid};
use crate::extract::Id;
use crate::query::{Params, Query, QueryParams};
use crate::views::{DeploymentDetail, DeploymentList, DeploymentSummary, TriggerFacts, WatchView};

/// The longest reason for a pause, in characters.
const MAX_REASON: usize = 500;

impl QueryParams for ListDeployments {
    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        let words = DeploymentStatus::ALL.map(DeploymentStatus::as_str);
        Ok(Self {
            status: params.word("status", &words, DeploymentStatus::parse)?,
            name: params.take("name", "a deployment's name", |text| DeploymentName::new(text).ok())?,
            page: params.page(api)?,
        })
    }
}

/// `GET /v1/deployments`: all that are not undeployed, latest first, unless a status is asked for.
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(options): Query<ListDeployments>,
) -> ApiResult<axum::Json<DeploymentList>> {
    let page = api.engine.deployments(&caller.owner, options).await?;
    let deployments = page.items.iter().map(DeploymentSummary::from).collect();
    Ok(axum::Json(DeploymentList { deployments, next_cursor: page.next }))
}

/// `GET /v1/deployments/{id}`.
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
) -> ApiResult<axum::Json<DeploymentDetail>> {
    let overview = api.engine.deployment(&caller.owner, id).await?;
    detail(&api, &caller.owner, &overview).await
}

/// `DELETE /v1/deployments/{id}`: the deployment as it is then; its history stays.
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseBody {
    #[serde(default)]
    reason: Option<String>,
    /// When the pause ends by itself.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
}

impl Payload for PauseBody {}

/// `POST /v1/deployments/{id}/pause`, with or without a body.
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

/// `POST /v1/deployments/{id}/resume`.
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
