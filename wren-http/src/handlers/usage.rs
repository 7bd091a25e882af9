//! What the caller may use, and has used.

use axum::extract::State;

use crate::api::Api;
use crate::auth::Caller;
use crate::error::ApiResult;
use crate::views::UsageView;

/// Shows the owner's quotas and what is used of them.
#[utoipa::path(
    get, path = "/v1/usage", operation_id = "show_usage", tag = "account",
    responses((status = 200, description = "The quotas, and what is used.", body = UsageView)),
)]
pub(crate) async fn show(State(api): State<Api>, caller: Caller) -> ApiResult<axum::Json<UsageView>> {
    Ok(axum::Json(UsageView::from(&api.engine.usage(&caller.owner).await?)))
}
