//! Listing, showing, starting and cancelling runs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use wren_core::engine::RunNow;
use wren_core::model::RunState;
use wren_core::store::ListRuns;
use wren_core::{DeploymentId, Error, OwnerId, RunId};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::correlation::Correlation;
use crate::deadline::to_the_end;
use crate::error::ApiResult;
use crate::extract::{Id, IdempotencyKey};
use crate::query::{Params, Query, QueryParams};
use crate::views::{RunDetail, RunList, RunSummary};

impl QueryParams for ListRuns {
    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        let deployment_id = params.take("deployment_id", "an id of the form dep_…", |text| text.parse().ok())?;
        Ok(Self { deployment_id, ..filters(params, api)? })
    }
}

/// The same filters without the deployment, which the path names.
pub(crate) struct OfDeployment(ListRuns);

impl QueryParams for OfDeployment {
    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        filters(params, api).map(Self)
    }
}

fn filters(params: &mut Params, api: &Api) -> Result<ListRuns, Error> {
    Ok(ListRuns {
        deployment_id: None,
        trigger_id: params.take("trigger_id", "an id of the form trg_…", |text| text.parse().ok())?,
        state: params.word("status", &RunState::ALL.map(RunState::as_str), RunState::parse)?,
        since: params.instant("since")?,
        until: params.instant("until")?,
        page: params.page(api)?,
    })
}

/// `GET /v1/runs`: latest due time first; `since` is inclusive and `until` is not.
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(options): Query<ListRuns>,
) -> ApiResult<axum::Json<RunList>> {
    page(&api, &caller.owner, options).await
}

/// `GET /v1/deployments/{id}/runs`.
pub(crate) async fn list_of_deployment(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
    Query(OfDeployment(options)): Query<OfDeployment>,
) -> ApiResult<axum::Json<RunList>> {
    page(&api, &caller.owner, ListRuns { deployment_id: Some(id), ..options }).await
}

async fn page(api: &Api, owner: &OwnerId, options: ListRuns) -> ApiResult<axum::Json<RunList>> {
    let page = api.engine.runs(owner, options).await?;
    Ok(axum::Json(RunList { runs: page.items.iter().map(RunSummary::from).collect(), next_cursor: page.next }))
}

/// `GET /v1/runs/{id}`.
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> ApiResult<axum::Json<RunDetail>> {
    let (run, attempts) = api.engine.run_with_attempts(&caller.owner, id).await?;
    Ok(axum::Json(RunDetail::new(&run, &attempts)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunBody {
    #[serde(default)]
    func: Option<String>,
    #[serde(default)]
    event: Option<Value>,
}

impl Payload for RunBody {
    /// Events are data, and may be larger than what other routes take.
    fn limit(_: &Api) -> usize {
        1024 * 1024
    }
}

/// `POST /v1/deployments/{id}/runs`, with or without a body: 202 with the queued run, or with the run that an earlier
/// request with the same `Idempotency-Key` queued, as it is now.
pub(crate) async fn run_now(
    State(api): State<Api>,
    caller: Caller,
    Correlation(correlation): Correlation,
    Id(id): Id<DeploymentId>,
    IdempotencyKey(key): IdempotencyKey,
    body: Option<Json<RunBody>>,
) -> ApiResult<Response> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let request = RunNow::default().func(body.func).event(body.event).idempotency_key(key).correlation_id(correlation);
    let engine = api.engine.clone();
    let run = to_the_end(async move { engine.run_now(&caller.owner, id, request).await }).await?;
    let location = api.location(&format!("/v1/runs/{}", run.id));
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], axum::Json(RunSummary::from(&run))).into_response())
}

/// `POST /v1/runs/{id}/cancel`: the run as it is then; one that was running ends as soon as its worker hears of it.
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> ApiResult<axum::Json<RunSummary>> {
    let engine = api.engine.clone();
    let run = to_the_end(async move { engine.cancel(&caller.owner, id).await }).await?;
    Ok(axum::Json(RunSummary::from(&run)))
}
