//! What a run printed.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, VARY};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::Parameter;
use wren_core::model::LogEntry;
use wren_core::{Error, RunId};

use crate::api::Api;
use crate::auth::Caller;
use crate::error::ApiResult;
use crate::extract::Id;
use crate::openapi::params::query;
use crate::openapi::words;
use crate::query::{Params, Query, QueryParams, describe_limit};
use crate::views::LogPage;

/// How many lines an answer has when nobody asks for another number.
const DEFAULT_LINES: usize = 1_000;
/// How many lines one may ask for.
const MAX_LINES: usize = 10_000;

/// Which lines to read.
#[derive(Debug)]
pub(crate) struct Lines {
    after: u64,
    limit: usize,
}

impl QueryParams for Lines {
    fn describe() -> Vec<Parameter> {
        let after = words::integer().minimum(Some(0)).maximum(Some(i64::MAX)).default(Some(0.into())).build();
        vec![
            query("after", after, "Only lines after the one of this number: the `next_after` of the answer before."),
            describe_limit("lines", DEFAULT_LINES, MAX_LINES),
        ]
    }

    fn read(params: &mut Params, _: &Api) -> Result<Self, Error> {
        // Stores count in signed 64 bits.
        let after = params.take("after", "the number of a line", |text| {
            text.parse::<u64>().ok().filter(|&seq| i64::try_from(seq).is_ok())
        })?;
        Ok(Self { after: after.unwrap_or(0), limit: params.limit(DEFAULT_LINES, MAX_LINES)? })
    }
}

/// Reads what a run printed.
///
/// As JSON or, for `Accept: text/plain`, one line after another, with control characters spelled out. Whoever reads a state
/// that is final, and then no line after `next_after`, has seen all.
#[utoipa::path(
    get, path = "/v1/runs/{id}/logs", operation_id = "read_logs", tag = "runs",
    params(Id<RunId>, Query<Lines>),
    responses((
        status = 200, description = "The lines.",
        content((LogPage = "application/json"), (String = "text/plain")),
        headers(
            ("Vary" = String, description = "`accept`."),
            ("X-Run-Status" = words::RunState, description = "With plain text: what JSON has as `status`."),
            ("X-Next-After" = u64, description = "With plain text: what JSON has as `next_after`."),
        ),
    )),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RunId>,
    Query(Lines { after, limit }): Query<Lines>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    // The run comes before its lines: whoever reads a terminal status and then no line above `next_after` has seen all.
    let (run, _) = api.engine.run_with_attempts(&caller.owner, id).await?;
    let logs = api.engine.logs(&caller.owner, id, after, limit).await?;
    let next_after = logs.last().map_or(after, |entry| entry.seq);
    let vary = [(VARY, "accept")];
    if wants_text(&headers) {
        let head = [(CONTENT_TYPE.as_str(), "text/plain; charset=utf-8"), ("x-run-status", run.state.as_str())];
        let next = [("x-next-after", next_after.to_string())];
        return Ok((vary, head, next, plain(&logs)).into_response());
    }
    Ok((vary, axum::Json(LogPage { run_id: run.id, status: run.state, logs, next_after })).into_response())
}

fn plain(logs: &[LogEntry]) -> String {
    let mut text = String::new();
    for entry in logs {
        harmless(&entry.text, &mut text);
        text.push('\n');
    }
    text
}

/// Appends a line with its control characters spelled out: a script must not move the cursor of whoever reads its log.
fn harmless(line: &str, text: &mut String) {
    for letter in line.chars() {
        if letter.is_control() && letter != '\t' {
            text.extend(letter.escape_default());
        } else {
            text.push(letter);
        }
    }
}

/// Says whether `Accept` prefers plain text over JSON: by its quality, then by which comes first.
fn wants_text(headers: &HeaderMap) -> bool {
    let mut text = 0.0;
    let mut json = 0.0;
    for range in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
        let quality = quality.unwrap_or(0.0);
        match media.as_str() {
            "text/plain" if quality > json => text = quality,
            "application/json" | "application/*" | "*/*" if quality > text => json = quality,
            _ => {}
        }
    }
    text > json
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn plain_text_is_for_those_who_prefer_it() {
        for (accept, text) in [
            ("text/plain", true),
            ("text/plain, */*", true),
            ("text/plain, application/json;q=0.5", true),
            ("text/*", false),
            ("*/*", false),
            ("application/json, text/plain", false),
            ("application/json, text/plain;q=0.9", false),
            ("text/plain;q=0.1, application/json", false),
            ("text/plain;q=0", false),
            ("text/plain;q=many", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_text(&headers), text, "{accept}");
        }
        assert!(!wants_text(&HeaderMap::new()));
    }

    #[test]
    fn control_characters_are_spelled_out() {
        let mut text = String::new();
        harmless("a\tb \u{1b}[31mred\u{0} é\r", &mut text);
        assert_eq!(text, "a\tb \\u{1b}[31mred\\u{0} é\\r");
    }
}
