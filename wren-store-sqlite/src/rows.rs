//! How values of the vocabulary stand in columns, and back.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wren_core::Result;
use wren_core::model::{Claim, FireKey, Run, RunState, SkipReason, TriggerKind};
use wren_core::store::kit::{json, parsed, unreadable};

use crate::error::OrStoreError;

/// Returns an instant as its column holds it.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// Reads an instant.
pub(crate) fn instant(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable("instant", micros.to_string()))
}

/// Returns an id as its column holds it.
pub(crate) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// Reads an id.
pub(crate) fn uuid(bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| unreadable("id", error))
}

/// Writes a word whose vocabulary is serde's: without the quotes.
pub(crate) fn quoted_word<T: serde::Serialize>(word: &T) -> Result<String> {
    Ok(json(word)?.trim_matches('"').to_owned())
}

/// Reads what [`quoted_word`] wrote.
pub(crate) fn unquoted_word<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    parsed(what, &format!("\"{text}\""))
}

/// Reads a word such as a state through its vocabulary.
pub(crate) fn word<T>(what: &str, text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    parse(text).ok_or_else(|| unreadable(what, text.to_owned()))
}

/// Reads a name, which was checked when it was written.
pub(crate) fn name<T>(what: &str, text: &str) -> Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(|error: T::Err| unreadable(what, error))
}

/// Reads a number that was written from an unsigned one.
pub(crate) fn unsigned<T: TryFrom<i64>>(what: &str, number: i64) -> Result<T> {
    T::try_from(number).map_err(|_| unreadable(what, number.to_string()))
}

/// A row read column by column, from the left.
pub(crate) struct Columns<'row> {
    row: &'row SqliteRow,
    next: usize,
}

impl<'row> Columns<'row> {
    pub(crate) fn new(row: &'row SqliteRow) -> Self {
        Self { row, next: 0 }
    }

    /// Returns the next column.
    pub(crate) fn take<T>(&mut self) -> Result<T>
    where
        T: sqlx::Decode<'row, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let place = self.next;
        self.next += 1;
        self.row.try_get(place).or_store_error()
    }

    pub(crate) fn text(&mut self) -> Result<&'row str> {
        self.take()
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid> {
        uuid(self.take()?)
    }

    pub(crate) fn instant(&mut self) -> Result<DateTime<Utc>> {
        instant(self.take()?)
    }

    pub(crate) fn optional_instant(&mut self) -> Result<Option<DateTime<Utc>>> {
        self.take::<Option<i64>>()?.map(instant).transpose()
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T> {
        unsigned(what, self.take()?)
    }

    pub(crate) fn optional_json<T: serde::de::DeserializeOwned>(&mut self, what: &str) -> Result<Option<T>> {
        self.take::<Option<&'row str>>()?.map(|text| parsed(what, text)).transpose()
    }
}

/// The columns of a run in the order in which [`run`] reads them; `light` leaves out what may be large and does not bear
/// on the run's state.
macro_rules! run_columns {
    () => {
        concat!(run_columns!(@state), ", r.result, r.payload")
    };
    (light) => {
        concat!(run_columns!(@state), ", NULL, NULL")
    };
    (@state) => {
        "r.id, r.owner, r.deployment_id, r.revision, r.trigger_id, r.kind, r.func, r.dedupe_key, r.scheduled_for, \
         r.policy, r.correlation_id, r.created_at, r.state, r.skip_reason, r.attempt, r.failures, r.orphaned, \
         r.not_before, r.epoch, r.worker, r.lease_until, r.cancel_requested, r.started_at, r.completed_at, r.isolation, \
         r.error, r.logs_pruned"
    };
}
pub(crate) use run_columns;

/// Reads a run; what follows its columns is left to the caller.
pub(crate) fn run(columns: &mut Columns<'_>) -> Result<Run> {
    Ok(Run {
        id: wren_core::RunId::from_uuid(columns.uuid()?),
        owner: name("owner", columns.text()?)?,
        deployment_id: wren_core::DeploymentId::from_uuid(columns.uuid()?),
        revision: columns.number("revision")?,
        trigger_id: columns
            .take::<Option<&[u8]>>()?
            .map(|bytes| uuid(bytes).map(wren_core::TriggerId::from_uuid))
            .transpose()?,
        trigger: word("kind", columns.text()?, TriggerKind::parse)?,
        func: columns.take()?,
        key: word("dedupe key", columns.text()?, FireKey::parse_dedupe_key)?,
        scheduled_for: columns.instant()?,
        policy: parsed("policy", columns.text()?)?,
        correlation_id: name("correlation id", columns.text()?)?,
        created_at: columns.instant()?,
        state: word("state", columns.text()?, RunState::parse)?,
        skip_reason: columns.take::<Option<&str>>()?.map(skip_reason).transpose()?,
        attempt: columns.number("attempt")?,
        failures: columns.number("failures")?,
        orphaned: columns.number("orphaned")?,
        not_before: columns.instant()?,
        epoch: columns.number("epoch")?,
        claim: claim(columns.take()?, columns.optional_instant()?)?,
        cancel_requested: columns.take::<i64>()? != 0,
        started_at: columns.optional_instant()?,
        completed_at: columns.optional_instant()?,
        isolation: columns.optional_json("isolation")?,
        error: columns.optional_json("error")?,
        logs_pruned: columns.take::<i64>()? != 0,
        result: columns.optional_json("result")?,
        payload: columns.optional_json::<Value>("payload")?,
    })
}

fn claim(worker: Option<&str>, lease_until: Option<DateTime<Utc>>) -> Result<Option<Claim>> {
    match (worker, lease_until) {
        (Some(worker), Some(lease_until)) => Ok(Some(Claim { worker: name("worker", worker)?, lease_until })),
        _ => Ok(None),
    }
}

fn skip_reason(text: &str) -> Result<SkipReason> {
    word("skip reason", text, SkipReason::parse)
}
