//! What a run printed, and what it prints.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap, VARY};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::Parameter;
use wren_core::model::LogEntry;
use wren_core::{Error, OwnerId, RunId};

use super::log_events::{Following, LastEvent, Subscription};
use super::log_form::Form;
use crate::api::Api;
use crate::auth::{Caller, token};
use crate::error::{ApiResult, invalid};
use crate::extract::Id;
use crate::openapi::params::query;
use crate::openapi::words;
use crate::query::{Params, Query, QueryParams, describe_limit};
use crate::streams::Closing;
use crate::views::LogPage;

/// How many lines an answer has when nobody asks for another number.
const DEFAULT_LINES: usize = 1_000;
/// How many lines one may ask for.
const MAX_LINES: usize = 10_000;

/// Which lines to read.
#[derive(Debug)]
pub(crate) struct Lines {
    after: Option<u64>,
    limit: Option<usize>,
    form: Option<Form>,
}

impl QueryParams for Lines {
    fn describe() -> Vec<Parameter> {
        let after = words::integer().minimum(Some(0)).maximum(Some(i64::MAX)).default(Some(0.into())).build();
        vec![
            query("after", after, "Only lines after the one of this number: the `next_after` of the answer before."),
            describe_limit("lines", DEFAULT_LINES, MAX_LINES),
            query("format", words::one_of(&Form::ALL), "What `Accept` says, for those who cannot set it: it wins."),
        ]
    }

    fn read(params: &mut Params, _: &Api) -> Result<Self, Error> {
        // Stores count in signed 64 bits.
        let after = params.take("after", "the number of a line", |text| {
            text.parse::<u64>().ok().filter(|&seq| i64::try_from(seq).is_ok())
        })?;
        let limit = params.given_limit(MAX_LINES)?;
        let form = params.word("format", &Form::ALL.map(Form::as_str), Form::parse)?;
        Ok(Self { after, limit, form })
    }
}

/// Reads what a run printed, or follows what it prints.
///
/// As JSON or, for `Accept: text/plain`, one line after another, with control characters spelled out. Whoever reads a state
/// that is final, and then no line after `next_after`, has seen all.
///
/// For `Accept: text/event-stream` the answer goes on until the run has ended and all of its lines were sent. Its events are
/// `log`, a line as it stands in `logs` of the JSON, with its number as `id`; `status`, the run as lists show it, for the state
/// that it is in and each that is seen after it, unless it is final; `end`, the run as lists show it, when it has ended; and
/// `failure`, an error body, when the stream cannot go on: the run was deleted, or the key is no longer good. Every 15 seconds
/// there is a comment. A stream that ends without `end` or `failure` was cut: ask again with `Last-Event-ID`, as an
/// `EventSource` does by itself, and no line is missing or there twice. Asked for again after `end`, the answer is 204.
#[utoipa::path(
    get, path = "/v1/runs/{id}/logs", operation_id = "read_logs", tag = "runs",
    params(Id<RunId>, Query<Lines>, LastEvent),
    responses(
        (
            status = 200, description = "The lines.",
            content((LogPage = "application/json"), (String = "text/plain"), (String = "text/event-stream")),
            headers(
                ("Vary" = String, description = "`accept`."),
                ("X-Run-Status" = words::RunState, description = "With plain text: what JSON has as `status`."),
                ("X-Next-After" = u64, description = "With plain text: what JSON has as `next_after`."),
                ("X-Accel-Buffering" = String, description = "With events: `no`, so that no proxy holds them back."),
            ),
        ),
        (status = 204, description = "All was told to whoever heard the event that `Last-Event-ID` names."),
        (status = 429),
    ),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RunId>,
    Query(Lines { after, limit, form }): Query<Lines>,
    last_event: LastEvent,
    closing: Closing,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let form = form.unwrap_or_else(|| Form::preferred(&headers));
    if form != Form::Events {
        return page(&api, &caller.owner, id, (after.unwrap_or(0), limit.unwrap_or(DEFAULT_LINES)), form).await;
    }
    if limit.is_some() {
        let hint = "leave `limit` out, or read pages with `Accept: application/json`";
        return Err(invalid("a stream of events has no `limit`", hint).into());
    }
    let Subscription { after, heard_end } = last_event.subscription(after)?;
    let place = api.streams.enter(caller.key.id, &caller.owner)?;
    let follower = api.engine.follow(&caller.owner, id, after).await?;
    if heard_end {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let token = token(&headers)?;
    let body = Following { follower, after, _place: place, closing: closing.0, api, token }.into_body();
    let head = [
        (CONTENT_TYPE.as_str(), "text/event-stream"),
        (VARY.as_str(), "accept"),
        // Nginx and those who took it over from there collect an answer unless told not to.
        ("x-accel-buffering", "no"),
    ];
    Ok((head, body).into_response())
}

async fn page(api: &Api, owner: &OwnerId, id: RunId, (after, limit): (u64, usize), form: Form) -> ApiResult<Response> {
    // The run comes before its lines: whoever reads a terminal status and then no line above `next_after` has seen all.
    let (run, _) = api.engine.run_with_attempts(owner, id).await?;
    let logs = api.engine.logs(owner, id, after, limit).await?;
    let next_after = logs.last().map_or(after, |entry| entry.seq);
    let vary = [(VARY, "accept")];
    if form == Form::Text {
        let head = [(CONTENT_TYPE.as_str(), "text/plain; charset=utf-8"), ("x-run-status", run.state.as_str())];
        let next = [("x-next-after", next_after.to_string())];
        return Ok((vary, head, next, plain(&logs)).into_response());
    }
    let page = LogPage { run_id: run.id, status: run.state, logs, next_after, logs_pruned: run.logs_pruned };
    Ok((vary, axum::Json(page)).into_response())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        let mut text = String::new();
        harmless("a\tb \u{1b}[31mred\u{0} é\r", &mut text);
        assert_eq!(text, "a\tb \\u{1b}[31mred\\u{0} é\\r");
    }
}
