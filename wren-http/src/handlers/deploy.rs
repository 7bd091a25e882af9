//! Deploying a script.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use wren_core::deploy::DeployRequest;
use wren_core::engine::DeployReceipt;
use wren_core::{Error, ErrorCode};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::error::{ApiError, ApiResult};
use crate::openapi::shapes;
use crate::views::DeployConfirmation;

/// What a deploy's body may hold beside the script, in bytes.
const BESIDE_SCRIPT: usize = 256 * 1024;

impl Payload for DeployRequest {
    /// JSON writes one byte of a script with up to six, a control character as `\u0001` say: the largest script fits.
    fn limit(api: &Api) -> usize {
        api.engine.rules().max_script_bytes.saturating_mul(6).saturating_add(BESIDE_SCRIPT)
    }

    fn too_large(limit: usize) -> ApiError {
        Error::new(ErrorCode::ScriptTooLarge, format!("the request is larger than {limit} bytes"))
            .with_hint("split the script, or move data out of it")
            .with_detail("limit_bytes", limit)
            .into()
    }
}

/// Deploys a script.
///
/// The script is parsed and imported in a sandbox without any capability, and what it declares is checked; every fault is
/// told at once, in `details.diagnostics`. A deployment of that name gets a new revision, and a deploy that fails leaves the
/// one before in force. The same content again changes nothing.
#[utoipa::path(
    post, path = "/v1/scripts/deploy", operation_id = "deploy", tag = "deployments",
    request_body(content = shapes::DeployRequest, description = "The script, and what its sender believes of it."),
    responses(
        (status = 200, description = "The same content stands already.", body = DeployConfirmation),
        (
            status = 201, description = "There is a new deployment, or a new revision of one.",
            body = DeployConfirmation, headers(("Location" = String, description = "The deployment.")),
        ),
        (status = 402), (status = 409), (status = 422),
    ),
)]
// A deploy whose caller hangs up ends with it: what waits for its turn or is being inspected must not hold a place for
// nobody. The engine sees to it that a deploy dropped at any moment has happened as a whole or not at all.
pub(crate) async fn deploy(
    State(api): State<Api>,
    caller: Caller,
    Json(request): Json<DeployRequest>,
) -> ApiResult<Response> {
    Ok(confirmed(&api, &api.engine.deploy(&caller.owner, request).await?))
}

/// Answers with what a deploy did.
pub(super) fn confirmed(api: &Api, receipt: &DeployReceipt) -> Response {
    let location = api.location(&format!("/v1/deployments/{}", receipt.overview.deployment.id));
    let confirmation = axum::Json(DeployConfirmation::from(receipt));
    match receipt.changed {
        true => (StatusCode::CREATED, [(LOCATION, location)], confirmation).into_response(),
        false => confirmation.into_response(),
    }
}
