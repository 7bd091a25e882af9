//! Whether the caller's integrations are ready.

use axum::extract::State;
use serde::Deserialize;
use wren_core::Error;

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{Json, Payload};
use crate::error::{ApiResult, invalid};
use crate::views::Validation;

/// How many integrations one may ask about at once.
const MAX_NAMES: usize = 100;
/// The longest name of an integration, in bytes.
const MAX_NAME_BYTES: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateBody {
    integrations: Vec<String>,
}

impl Payload for ValidateBody {}

impl ValidateBody {
    /// Refuses more than any script imports: every name is looked up in the vault, and every unknown one compared with
    /// all that exist.
    fn check(&self) -> Result<(), Error> {
        let count = self.integrations.len();
        if count > MAX_NAMES {
            let message = format!("`integrations` has {count} names, and at most {MAX_NAMES} are taken");
            return Err(invalid(message, "ask about fewer at once").with_detail("limit", MAX_NAMES));
        }
        let Some(place) = self.integrations.iter().position(|name| name.len() > MAX_NAME_BYTES) else { return Ok(()) };
        let length = self.integrations[place].len();
        let message =
            format!("`integrations[{place}]` is {length} bytes long, and a name has at most {MAX_NAME_BYTES}");
        Err(invalid(message, "send names such as `gmail`").with_detail("limit", MAX_NAME_BYTES))
    }
}

/// `POST /v1/integrations/validate`: answers 200 either way; what is wrong is the answer, not an error of the request.
pub(crate) async fn validate(
    State(api): State<Api>,
    caller: Caller,
    Json(body): Json<ValidateBody>,
) -> ApiResult<axum::Json<Validation>> {
    body.check()?;
    let report = api.engine.validate_integrations(&caller.owner, &body.integrations).await?;
    Ok(axum::Json(Validation::from(&report)))
}
