//! Deploying a script.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use wren_core::deploy::DeployRequest;
use wren_core::{Error, ErrorCode};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::deadline::to_the_end;
use crate::error::{ApiError, ApiResult};
use crate::views::DeployConfirmation;

impl Payload for DeployRequest {
    fn too_large(limit: usize) -> ApiError {
        Error::new(ErrorCode::ScriptTooLarge, format!("the request is larger than {limit} bytes"))
            .with_hint("split the script, or move data out of it")
            .with_detail("limit_bytes", limit)
            .into()
    }
}

/// `POST /v1/scripts/deploy`: 201 for a new deployment or revision, 200 when the same content stands already.
pub(crate) async fn deploy(
    State(api): State<Api>,
    caller: Caller,
    Json(request): Json<DeployRequest>,
) -> ApiResult<Response> {
    let engine = api.engine.clone();
    let receipt = to_the_end(async move { engine.deploy(&caller.owner, request).await }).await?;
    let location = api.location(&format!("/v1/deployments/{}", receipt.overview.deployment.id));
    let confirmation = axum::Json(DeployConfirmation::from(&receipt));
    Ok(match receipt.changed {
        true => (StatusCode::CREATED, [(LOCATION, location)], confirmation).into_response(),
        false => confirmation.into_response(),
    })
}
