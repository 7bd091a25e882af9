//! What a script's triggers would have done, before it is deployed.

use axum::extract::State;
use serde::Deserialize;
use wren_core::deploy::DeployRequest;
use wren_core::source::DEFAULT_PREVIEW_EVENTS;

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::error::{ApiError, ApiResult};
use crate::views::ScriptPreview;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    script: String,
    #[serde(default = "usual")]
    last: usize,
}

fn usual() -> usize {
    DEFAULT_PREVIEW_EVENTS
}

impl Payload for PreviewBody {
    /// A script that may be deployed may be asked about.
    fn limit(api: &Api) -> usize {
        DeployRequest::limit(api)
    }

    fn too_large(limit: usize) -> ApiError {
        DeployRequest::too_large(limit)
    }
}

/// `POST /v1/triggers/preview`: answers 200 also when a place cannot be looked at, which its triggers say.
///
/// It changes nothing, but asks for the scope `deploy`: it imports a script, and it shows who wrote to the owner and about what,
/// which a key that may only read deployments, runs and logs must not come by. Whoever may deploy could have a script read those
/// mails anyway.
///
/// A preview whose caller hangs up ends with it.
pub(crate) async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Json(body): Json<PreviewBody>,
) -> ApiResult<axum::Json<ScriptPreview>> {
    let previews = api.engine.preview(&caller.owner, &body.script, body.last).await?;
    Ok(axum::Json(ScriptPreview::new(&previews)))
}
