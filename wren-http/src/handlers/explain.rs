//! What a cron expression means.

use axum::extract::State;
use chrono::{DateTime, Utc};
use utoipa::openapi::Required;
use utoipa::openapi::path::Parameter;
use wren_core::Error;
use wren_core::schedule::{Explanation, Timezone};

use crate::api::Api;
use crate::error::{ApiResult, invalid};
use crate::openapi::params::query;
use crate::openapi::{shapes, words};
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
    fn describe() -> Vec<Parameter> {
        let text = || words::string();
        let what = "A cron expression of five fields, or `@daily` and friends.";
        let mut expression = query("expression", text().build(), what);
        expression.required = Required::True;
        let zone = text().default(Some(Timezone::UTC.to_string().into())).build();
        let count = words::integer().minimum(Some(0)).maximum(Some(Explanation::MOST_FIRES));
        let count = count.default(Some(DEFAULT_COUNT.into())).build();
        vec![
            expression,
            query("count", count, "How many due times to list."),
            query("timezone", zone, "The IANA zone whose clocks count."),
            query("from", words::instant(), "The instant after which due times are listed; now without it."),
        ]
    }

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

/// Explains a cron expression.
///
/// In words, and by its due times to come.
#[utoipa::path(
    get, path = "/v1/explain", operation_id = "explain", tag = "schedules",
    params(Query<Question>),
    responses((status = 200, description = "What it means.", body = shapes::Explanation), (status = 422)),
)]
pub(crate) async fn explain(
    State(api): State<Api>,
    Query(question): Query<Question>,
) -> ApiResult<axum::Json<Explanation>> {
    let from = question.from.unwrap_or_else(|| api.engine.clock().now());
    Ok(axum::Json(Explanation::read(&question.expression, &question.timezone, from, question.count)?))
}
