//! Reading runs. Each read is one statement and so one snapshot: nothing is left open when a caller goes away.

use serde::Deserialize;
use sqlx::{AssertSqlSafe, SqlitePool};
use wren_core::model::{Attempt, AttemptEnd, Run, RunState};
use wren_core::store::kit::{RunList, parsed};
use wren_core::{OwnerId, Result, RunId, WireError, WorkerId};

use crate::error::OrStoreError;
use crate::rows::{self, Columns, blob, instant, micros, run_columns};

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
pub(crate) async fn run(readers: &SqlitePool, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>> {
    let row = sqlx::query(RUN)
        .bind(blob(id.uuid()))
        .bind(owner.as_str().to_owned())
        .fetch_optional(readers)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    let run = rows::run(&mut columns)?;
    let attempts: Vec<AttemptRow> = parsed("attempts", columns.text()?)?;
    let attempts = attempts.into_iter().map(AttemptRow::into_attempt).collect::<Result<_>>()?;
    Ok(Some((run, attempts)))
}

/// Reads an owner's runs.
pub(crate) async fn runs(readers: &SqlitePool, owner: &OwnerId, list: RunList) -> Result<Vec<Run>> {
    let (before, before_id) = match list.before {
        Some(place) => (micros(place.at), blob(place.id.uuid())),
        None => (i64::MAX, Vec::new()),
    };
    // Safe: made of this crate's own fragments; every value is bound.
    let mut statement = sqlx::query(AssertSqlSafe(statement(&list)))
        .bind(owner.as_str().to_owned())
        .bind(before)
        .bind(before_id)
        .bind(list.since.map_or(i64::MIN, micros))
        .bind(list.until.map_or(i64::MAX, micros));
    if let Some(id) = list.deployment_id {
        statement = statement.bind(blob(id.uuid()));
    }
    if let Some(id) = list.trigger_id {
        statement = statement.bind(blob(id.uuid()));
    }
    let rows =
        statement.bind(i64::try_from(list.limit).unwrap_or(i64::MAX)).fetch_all(readers).await.or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect()
}

/// Writes the statement of a list, with the index that the filters call for: the planner, without statistics, would guess.
pub(super) fn statement(options: &RunList) -> String {
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
