//! Reading runs. Each read is one statement and so one snapshot: nothing is left open when a caller goes away.

use serde::Deserialize;
use sqlx::{AssertSqlSafe, SqlitePool};
use wren_core::model::{Attempt, AttemptEnd, Page, Run, RunState};
use wren_core::store::ListRuns;
use wren_core::{OwnerId, Result, RunId, WireError, WorkerId};

use crate::cursor;
use crate::error::OrStoreError;
use crate::rows::{self, Columns, blob, instant, micros, parsed, run_columns};

/// The name of the list in its cursors.
const LIST: &str = "runs";

/// An attempt as the statement puts it into its array.
#[derive(Deserialize)]
struct AttemptRow {
    number: u32,
    epoch: u64,
    worker: WorkerId,
    started_at: i64,
    ended_at: Option<i64>,
    end: Option<AttemptEnd>,
    error: Option<WireError>,
}

impl AttemptRow {
    fn into_attempt(self) -> Result<Attempt> {
        let Self { number, epoch, worker, started_at, ended_at, end, error } = self;
        let ended_at = ended_at.map(instant).transpose()?;
        Ok(Attempt { number, epoch, worker, started_at: instant(started_at)?, ended_at, end, error })
    }
}

pub(crate) const RUN: &str = concat!(
    "SELECT ",
    run_columns!(),
    ", (SELECT json_group_array(json_object('number', number, 'epoch', epoch, 'worker', worker, \
     'started_at', started_at, 'ended_at', ended_at, 'end', end, 'error', json(error)) ORDER BY epoch) \
     FROM attempts WHERE run_id = r.id) FROM runs r WHERE r.id = ? AND r.owner = ?"
);

/// Reads a run and its attempts.
pub(super) async fn run(readers: &SqlitePool, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
    let row = sqlx::query(RUN)
        .bind(blob(id.uuid()))
        .bind(owner.as_str().to_owned())
        .fetch_optional(readers)
        .await
        .or_store_error()?
        .ok_or_else(|| wren_core::store::no_run(id))?;
    let mut columns = Columns::new(&row);
    let run = rows::run(&mut columns)?;
    let attempts: Vec<AttemptRow> = parsed("attempts", columns.text()?)?;
    let attempts = attempts.into_iter().map(AttemptRow::into_attempt).collect::<Result<_>>()?;
    Ok((run, attempts))
}

/// Reads a page of an owner's runs.
pub(super) async fn runs(readers: &SqlitePool, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
    let (before, before_id) = match &options.page.after {
        Some(text) => cursor::decode::<RunId>(LIST, text).map(|(at, id)| (at, blob(id.uuid())))?,
        None => (i64::MAX, Vec::new()),
    };
    let limit = options.page.limit.max(1);
    // Safe: made of this crate's own fragments; every value is bound.
    let mut statement = sqlx::query(AssertSqlSafe(statement(&options)))
        .bind(owner.as_str().to_owned())
        .bind(before)
        .bind(before_id)
        .bind(options.since.map_or(i64::MIN, micros))
        .bind(options.until.map_or(i64::MAX, micros));
    if let Some(id) = options.deployment_id {
        statement = statement.bind(blob(id.uuid()));
    }
    if let Some(id) = options.trigger_id {
        statement = statement.bind(blob(id.uuid()));
    }
    let rows = statement
        .bind(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    let items = rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect::<Result<_>>()?;
    Ok(Page::from_overread(items, limit, |last: &Run| cursor::encode(LIST, last.scheduled_for, last.id)))
}

/// Writes the statement of a list, with the index that the filters call for: the planner, without statistics, would guess.
pub(super) fn statement(options: &ListRuns) -> String {
    let index = match (options.trigger_id, options.deployment_id, options.state) {
        (Some(_), _, _) => "runs_of_trigger",
        (None, Some(_), _) => "runs_of_deployment",
        (None, None, Some(RunState::Queued)) => "runs_queued_of_owner",
        (None, None, Some(RunState::Running)) => "runs_running",
        (None, None, Some(RunState::Failed | RunState::Timeout | RunState::Cancelled | RunState::Skipped)) => {
            "runs_astray"
        }
        (None, None, Some(RunState::Success) | None) => "runs_of_owner",
    };
    let mut text = format!(
        "SELECT {} FROM runs r INDEXED BY {index} WHERE r.owner = ? AND (r.scheduled_for, r.id) < (?, ?) \
         AND r.scheduled_for >= ? AND r.scheduled_for < ?",
        run_columns!()
    );
    if options.deployment_id.is_some() {
        text.push_str(" AND r.deployment_id = ?");
    }
    if options.trigger_id.is_some() {
        text.push_str(" AND r.trigger_id = ?");
    }
    if let Some(state) = options.state {
        // A literal, since an index over some states is not considered for a parameter.
        text.push_str(" AND r.state = '");
        text.push_str(state.as_str());
        text.push('\'');
    }
    text.push_str(" ORDER BY r.scheduled_for DESC, r.id DESC LIMIT ?");
    text
}
