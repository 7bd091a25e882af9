//! Whether the caller's integrations are ready.

use axum::extract::State;
use serde::Deserialize;

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::error::ApiResult;
use crate::views::Validation;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateBody {
    integrations: Vec<String>,
}

impl Payload for ValidateBody {}

/// `POST /v1/integrations/validate`: answers 200 either way; what is wrong is the answer, not an error of the request.
pub(crate) async fn validate(
    State(api): State<Api>,
    caller: Caller,
    Json(body): Json<ValidateBody>,
) -> ApiResult<axum::Json<Validation>> {
    let report = api.engine.validate_integrations(&caller.owner, &body.integrations).await?;
    Ok(axum::Json(Validation::from(&report)))
}
