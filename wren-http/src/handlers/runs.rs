//! Listing, showing, starting and cancelling runs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use wren_core::engine::{RetryRun, RunNow};
use wren_core::model::{Run, RunState, TriggerKind};
use wren_core::store::ListRuns;
use wren_core::{DeploymentId, Error, OwnerId, RunId, TriggerId};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::correlation::Correlation;
use crate::deadline::to_the_end;
use crate::error::ApiResult;
use crate::extract::{Id, IdempotencyKey};
use crate::openapi::params::{query, several};
use crate::openapi::words;
use crate::query::{Params, Query, QueryParams, describe_page};
use crate::views::{RunDetail, RunList, RunSummary};

impl QueryParams for ListRuns {
    fn describe() -> Vec<Parameter> {
        let of = query("deployment_id", words::id(DeploymentId::PREFIX), "Only runs of this deployment.");
        std::iter::once(of).chain(described_filters()).collect()
    }

    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        let deployment_id = params.take("deployment_id", "an id of the form dep_…", |text| text.parse().ok())?;
        Ok(Self { deployment_id, ..filters(params, api)? })
    }
}

/// The same filters without the deployment, which the path names.
pub(crate) struct OfDeployment(ListRuns);

impl QueryParams for OfDeployment {
    fn describe() -> Vec<Parameter> {
        described_filters()
    }

    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        filters(params, api).map(Self)
    }
}

fn described_filters() -> Vec<Parameter> {
    let mut filters = vec![
        query("trigger_id", words::id(TriggerId::PREFIX), "Only runs of this trigger."),
        query("trigger", words::one_of(&TriggerKind::ALL), "Only runs that this fired."),
        several("status", words::one_of(&RunState::ALL), "Only runs in one of these states, separated by commas."),
        query("since", words::instant(), "Only runs whose `scheduled_for` is this instant or later."),
        query("until", words::instant(), "Only runs whose `scheduled_for` is before this instant."),
    ];
    filters.extend(describe_page("runs"));
    filters
}

fn filters(params: &mut Params, api: &Api) -> Result<ListRuns, Error> {
    Ok(ListRuns {
        deployment_id: None,
        trigger_id: params.take("trigger_id", "an id of the form trg_…", |text| text.parse().ok())?,
        trigger: params.word("trigger", &TriggerKind::ALL.map(TriggerKind::as_str), TriggerKind::parse)?,
        states: params.words("status", &RunState::ALL.map(RunState::as_str), RunState::parse)?,
        since: params.instant("since")?,
        until: params.instant("until")?,
        page: params.page(api)?,
    })
}

/// Lists runs.
///
/// Latest due time first.
#[utoipa::path(
    get, path = "/v1/runs", operation_id = "list_runs", tag = "runs",
    params(Query<ListRuns>),
    responses((status = 200, description = "A page of runs.", body = RunList), (status = 404)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(options): Query<ListRuns>,
) -> ApiResult<axum::Json<RunList>> {
    page(&api, &caller.owner, options).await
}

/// Lists the runs of a deployment.
///
/// Latest due time first.
#[utoipa::path(
    get, path = "/v1/deployments/{id}/runs", operation_id = "list_runs_of_deployment", tag = "runs",
    params(Id<DeploymentId>, Query<OfDeployment>),
    responses((status = 200, description = "A page of runs.", body = RunList)),
)]
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

/// Shows a run.
#[utoipa::path(
    get, path = "/v1/runs/{id}", operation_id = "show_run", tag = "runs",
    params(Id<RunId>),
    responses((status = 200, description = "The run.", body = RunDetail)),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> ApiResult<axum::Json<RunDetail>> {
    let (run, attempts) = api.engine.run_with_attempts(&caller.owner, id).await?;
    Ok(axum::Json(RunDetail::new(&run, &attempts)))
}

/// What is to be run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunBody {
    /// The function; without one, that of the first trigger.
    #[serde(default)]
    func: Option<String>,
    /// What the function is called with; without one, with nothing.
    #[serde(default)]
    event: Option<Value>,
}

impl Payload for RunBody {
    /// Events are data, and may be larger than what other routes take.
    fn limit(_: &Api) -> usize {
        1024 * 1024
    }
}

/// Runs a deployment now.
///
/// Also while it is paused. With the `Idempotency-Key` of an earlier request, the answer is the run that it queued, as it is
/// now.
#[utoipa::path(
    post, path = "/v1/deployments/{id}/runs", operation_id = "run_now", tag = "runs",
    params(Id<DeploymentId>, IdempotencyKey),
    request_body(content = Option<RunBody>, description = "May be left out; 1 MiB at most."),
    responses(
        (
            status = 202, description = "The run.", body = RunSummary,
            headers(("Location" = String, description = "The run.")),
        ),
        (status = 409), (status = 422),
    ),
)]
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
    Ok(queued(&api, &to_the_end(async move { engine.run_now(&caller.owner, id, request).await }).await?))
}

fn queued(api: &Api, run: &Run) -> Response {
    let location = api.location(&format!("/v1/runs/{}", run.id));
    (StatusCode::ACCEPTED, [(LOCATION, location)], axum::Json(RunSummary::from(run))).into_response()
}

/// Cancels a run.
///
/// One that is running ends as soon as its worker hears of it.
#[utoipa::path(
    post, path = "/v1/runs/{id}/cancel", operation_id = "cancel_run", tag = "runs",
    params(Id<RunId>),
    responses((status = 200, description = "The run as it is then.", body = RunSummary), (status = 409)),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> ApiResult<axum::Json<RunSummary>> {
    let engine = api.engine.clone();
    let run = to_the_end(async move { engine.cancel(&caller.owner, id).await }).await?;
    Ok(axum::Json(RunSummary::from(&run)))
}

/// Runs again what has run.
///
/// The same function with the same event, on the revision that the run was pinned to, however it ended; for the current
/// revision ask for a run of the deployment instead. It is a new run, by hand and due now, which says in `retry_of` which one
/// it repeats; that one stays as it is. Also while the deployment is paused. With the `Idempotency-Key` of an earlier request
/// for the same run, the answer is the run that it queued, as it is now.
#[utoipa::path(
    post, path = "/v1/runs/{id}/retry", operation_id = "retry_run", tag = "runs",
    params(Id<RunId>, IdempotencyKey),
    responses(
        (
            status = 202, description = "The new run.", body = RunSummary,
            headers(("Location" = String, description = "The new run.")),
        ),
        (status = 409),
    ),
)]
pub(crate) async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Correlation(correlation): Correlation,
    Id(id): Id<RunId>,
    IdempotencyKey(key): IdempotencyKey,
) -> ApiResult<Response> {
    let request = RetryRun::default().idempotency_key(key).correlation_id(correlation);
    let engine = api.engine.clone();
    Ok(queued(&api, &to_the_end(async move { engine.retry(&caller.owner, id, request).await }).await?))
}
