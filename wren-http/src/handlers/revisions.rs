//! The revisions of a deployment, and going back to one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use wren_core::model::{PageOptions, Revision};
use wren_core::{DeploymentId, Error};

use super::deploy::confirmed;
use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::error::ApiResult;
use crate::extract::{Id, Matching, Numbered};
use crate::query::{Params, Query, QueryParams, describe_page};
use crate::views::{DeployConfirmation, RevisionDetail, RevisionList, RevisionView};

impl QueryParams for PageOptions {
    fn describe() -> Vec<Parameter> {
        describe_page("revisions").into()
    }

    fn read(params: &mut Params, api: &Api) -> Result<Self, Error> {
        params.page(api)
    }
}

/// Lists the revisions of a deployment.
///
/// Latest first, also of a deployment that is undeployed.
#[utoipa::path(
    get, path = "/v1/deployments/{id}/revisions", operation_id = "list_revisions", tag = "deployments",
    params(Id<DeploymentId>, Query<PageOptions>),
    responses((status = 200, description = "A page of revisions.", body = RevisionList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
    Query(page): Query<PageOptions>,
) -> ApiResult<axum::Json<RevisionList>> {
    let page = api.engine.revisions(&caller.owner, id, page).await?;
    // After the list: what was deployed meanwhile is on no page, rather than two of one being the current one.
    let current = api.engine.deployment(&caller.owner, id).await?.deployment.revision;
    let revisions = page.items.iter().map(|revision| RevisionView::new(revision, current)).collect();
    Ok(axum::Json(RevisionList { revisions, next_cursor: page.next }))
}

/// Shows a revision with its script.
///
/// A revision never changes, so that whoever has it need not read it again: `If-None-Match` with its `ETag` is answered with
/// 304.
#[utoipa::path(
    get, path = "/v1/deployments/{id}/revisions/{number}", operation_id = "show_revision", tag = "deployments",
    params(Numbered, Matching),
    responses(
        (
            status = 200, description = "The revision.", body = RevisionDetail,
            headers(("ETag" = String, description = "Stands for the revision.")),
        ),
        (
            status = 304, description = "The caller has it.",
            headers(("ETag" = String, description = "Stands for the revision.")),
        ),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Numbered(id, number): Numbered,
    matching: Matching,
) -> ApiResult<Response> {
    let revision = api.engine.revision(&caller.owner, id, number).await?;
    let tag = tag(&revision);
    if matching.has(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    Ok(([(ETAG, tag)], axum::Json(RevisionDetail::from(revision))).into_response())
}

/// Returns what stands for a revision of a deployment.
fn tag(revision: &Revision) -> String {
    format!("\"{}-{}\"", revision.number, revision.script_sha256)
}

/// Where to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackBody {
    /// The number of the revision whose script is to be the current one.
    #[schema(minimum = 1)]
    revision: u32,
}

impl Payload for RollbackBody {}

/// Goes back to an earlier revision.
///
/// Its script is deployed anew, as a revision of its own: numbers only grow, and what was current stays in the history. It is
/// examined as in any deploy, and refused where something that it needs is gone; what was in force stays then. Triggers that do
/// not change keep their ids and what they have done. What is the current content already changes nothing. Runs that are queued
/// stay with the revision that they were fired for.
#[utoipa::path(
    post, path = "/v1/deployments/{id}/rollback", operation_id = "rollback", tag = "deployments",
    params(Id<DeploymentId>),
    request_body(content = RollbackBody, description = "The revision."),
    responses(
        (status = 200, description = "The same content stands already.", body = DeployConfirmation),
        (
            status = 201, description = "There is a new revision.", body = DeployConfirmation,
            headers(("Location" = String, description = "The deployment.")),
        ),
        (status = 402), (status = 409), (status = 422), (status = 429),
    ),
)]
// One whose caller hangs up ends with it, as a deploy does.
pub(crate) async fn rollback(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
    Json(RollbackBody { revision }): Json<RollbackBody>,
) -> ApiResult<Response> {
    Ok(confirmed(&api, &api.engine.rollback(&caller.owner, id, revision).await?))
}
