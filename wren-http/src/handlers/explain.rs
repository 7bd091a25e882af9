//! What a cron expression means.

use axum::extract::State;
use chrono::{DateTime, Utc};
use wren_core::Error;
use wren_core::schedule::{Explanation, Timezone};

use crate::api::Api;
use crate::error::{ApiResult, invalid};
use crate::query::{Params, Query, QueryParams};

/// How many due times are listed unless another number is asked for.
const DEFAULT_COUNT: usize = 5;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    expression: String,
    timezone: String,
    from: Option<DateTime<Utc>>,
    count: usize,
}

impl QueryParams for Question {
    fn read(params: &mut Params, _: &Api) -> Result<Self, Error> {
        let any = |text: &str| Some(text.to_owned());
        let expression = params.take("expression", "a cron expression", any)?.ok_or_else(|| {
            invalid("the query parameter `expression` is missing", "give a cron expression such as `0 9 * * *`")
        })?;
        let most = Explanation::MOST_FIRES;
        let count = params.take("count", &format!("a number up to {most}"), |text| text.parse().ok())?;
        Ok(Self {
            expression,
            timezone: params.take("timezone", "an IANA zone", any)?.unwrap_or_else(|| Timezone::UTC.to_string()),
            from: params.instant("from")?,
            count: count.unwrap_or(DEFAULT_COUNT),
        })
    }
}

/// `GET /v1/explain`: the expression in words, and its due times later than `from`, which is now unless given.
pub(crate) async fn explain(
    State(api): State<Api>,
    Query(question): Query<Question>,
) -> ApiResult<axum::Json<Explanation>> {
    let from = question.from.unwrap_or_else(|| api.engine.clock().now());
    Ok(axum::Json(Explanation::read(&question.expression, &question.timezone, from, question.count)?))
}
