//! What a script's triggers would have done, before it is deployed.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use wren_core::deploy::DeployRequest;
use wren_core::source::DEFAULT_PREVIEW_EVENTS;

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::error::{ApiError, ApiResult};
use crate::views::ScriptPreview;

/// What is asked about a script's triggers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    /// The Python source.
    script: String,
    /// How many past events are looked at in each place.
    #[serde(default = "usual")]
    #[schema(minimum = 1, maximum = 500, default = 50)]
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

/// Says which past events would have fired a script's triggers.
///
/// It changes nothing. A place that cannot be looked at is told beside its triggers. The scope is that of a deploy: the script is
/// imported, and what is shown of the owner's mails is more than a key sees that may only read runs. Whoever may deploy could
/// have a script read those mails anyway. A preview whose caller hangs up ends with it.
#[utoipa::path(
    post, path = "/v1/triggers/preview", operation_id = "preview_triggers", tag = "deployments",
    request_body = PreviewBody,
    responses((status = 200, description = "What each trigger makes of the newest events.", body = ScriptPreview),
        (status = 422), (status = 429)),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Json(body): Json<PreviewBody>,
) -> ApiResult<axum::Json<ScriptPreview>> {
    let previews = api.engine.preview(&caller.owner, &body.script, body.last).await?;
    Ok(axum::Json(ScriptPreview::new(&previews)))
}
