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
    let rows = sqlx::query(AssertSqlSafe(statement(&list)))
        .bind(owner.as_str().to_owned())
        .bind(before)
        .bind(before_id)
        .bind(list.since.map_or(i64::MIN, micros))
        .bind(list.until.map_or(i64::MAX, micros))
        .bind(i64::try_from(list.limit).unwrap_or(i64::MAX))
        .bind(list.deployment_id.map(|id| blob(id.uuid())))
        .bind(list.trigger_id.map(|id| blob(id.uuid())))
        .bind(list.trigger.map(|kind| kind.as_str()))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect()
}

/// Writes the statement of a list, with the index that the filters call for: the planner, without statistics, would guess.
pub(super) fn statement(options: &RunList) -> String {
    let columns = run_columns!();
    let narrow = match (options.trigger_id, options.deployment_id) {
        (Some(_), _) => Some("runs_of_trigger"),
        (None, Some(_)) => Some("runs_of_deployment"),
        (None, None) => None,
    };
    match (narrow, options.states.as_slice()) {
        (Some(index), states) => selected(options, columns, index, states),
        (None, [state]) => selected(options, columns, index_of(*state), &[*state]),
        // Most runs are one of these.
        (None, states) if states.is_empty() || states.contains(&RunState::Success) => {
            selected(options, columns, "runs_of_owner", states)
        }
        // Each of the rarer states by its own index, and of what is found the latest.
        (None, states) => {
            let each: Vec<String> = states
                .iter()
                .map(|state| format!("SELECT id FROM ({})", selected(options, "r.id", index_of(*state), &[*state])))
                .collect();
            let each = each.join(" UNION ALL ");
            format!(
                "SELECT {columns} FROM runs r WHERE r.id IN ({each}) ORDER BY r.scheduled_for DESC, r.id DESC LIMIT ?6"
            )
        }
    }
}

fn index_of(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "runs_queued_of_owner",
        RunState::Running => "runs_running",
        RunState::Failed | RunState::Timeout | RunState::Cancelled | RunState::Skipped => "runs_astray",
        RunState::Success => "runs_of_owner",
    }
}

fn selected(options: &RunList, columns: &str, index: &str, states: &[RunState]) -> String {
    let mut text = format!(
        "SELECT {columns} FROM runs r INDEXED BY {index} WHERE r.owner = ?1 AND (r.scheduled_for, r.id) < (?2, ?3) \
         AND r.scheduled_for >= ?4 AND r.scheduled_for < ?5"
    );
    if options.deployment_id.is_some() {
        text.push_str(" AND r.deployment_id = ?7");
    }
    if options.trigger_id.is_some() {
        text.push_str(" AND r.trigger_id = ?8");
    }
    if options.trigger.is_some() {
        text.push_str(" AND r.kind = ?9");
    }
    // Literals, since an index over some states is not considered for a parameter.
    match states {
        [] => {}
        [state] => text.push_str(&format!(" AND r.state = '{state}'", state = state.as_str())),
        _ => {
            let words: Vec<String> = states.iter().map(|state| format!("'{}'", state.as_str())).collect();
            text.push_str(&format!(" AND r.state IN ({})", words.join(", ")));
        }
    }
    text.push_str(" ORDER BY r.scheduled_for DESC, r.id DESC LIMIT ?6");
    text
}
