//! How values of the vocabulary stand in columns, and back.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use wren_core::model::{Claim, FireKey, Run, RunState, SkipReason, TriggerKind};
use wren_core::store::kit::{json, parsed, unreadable};
use wren_core::{DeploymentId, Result, RunId, TriggerId};

use crate::error::OrStoreError;

/// A statement whose values are being bound.
pub(crate) type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Returns an instant as its column holds it.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// Reads an instant.
pub(crate) fn instant(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable("instant", micros.to_string()))
}

/// Returns a count as its column holds it.
pub(crate) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a name, which was checked when it was written.
pub(crate) fn name<T>(what: &str, text: &str) -> Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(|error: T::Err| unreadable(what, error))
}

/// Reads a text that is kept as bytes.
pub(crate) fn text(what: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| unreadable(what, error))
}

/// Writes a word whose vocabulary is serde's: without the quotes.
pub(crate) fn quoted_word<T: serde::Serialize>(word: &T) -> Result<String> {
    Ok(json(word)?.trim_matches('"').to_owned())
}

/// Reads what [`quoted_word`] wrote.
pub(crate) fn unquoted_word<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    parsed(what, &format!("\"{text}\""))
}

/// A row read column by column, from the left.
pub(crate) struct Columns<'row> {
    row: &'row PgRow,
    next: usize,
}

impl<'row> Columns<'row> {
    pub(crate) fn new(row: &'row PgRow) -> Self {
        Self { row, next: 0 }
    }

    /// Returns the next column.
    pub(crate) fn take<T>(&mut self) -> Result<T>
    where
        T: sqlx::Decode<'row, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let place = self.next;
        self.next += 1;
        self.row.try_get(place).or_store_error()
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid> {
        self.take()
    }

    pub(crate) fn instant(&mut self) -> Result<DateTime<Utc>> {
        instant(self.take()?)
    }

    pub(crate) fn optional_instant(&mut self) -> Result<Option<DateTime<Utc>>> {
        self.take::<Option<i64>>()?.map(instant).transpose()
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T> {
        let number: i64 = self.take()?;
        T::try_from(number).map_err(|_| unreadable(what, number.to_string()))
    }

    pub(crate) fn name<T>(&mut self, what: &str) -> Result<T>
    where
        T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        name(what, self.take::<&str>()?)
    }

    pub(crate) fn word<T>(&mut self, what: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let word: &str = self.take()?;
        parse(word).ok_or_else(|| unreadable(what, word.to_owned()))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self, what: &str) -> Result<T> {
        parsed(what, self.take::<&str>()?)
    }

    pub(crate) fn optional_json<T: serde::de::DeserializeOwned>(&mut self, what: &str) -> Result<Option<T>> {
        self.take::<Option<&str>>()?.map(|text| parsed(what, text)).transpose()
    }
}

/// The columns of a run in the order in which [`run`] reads them; `light` leaves out what may be large and does not bear
/// on the run's state.
macro_rules! run_columns {
    () => {
        concat!(run_columns!(@state), ", p.result, r.payload")
    };
    (light) => {
        concat!(run_columns!(@state), ", NULL::text, NULL::text")
    };
    (@state) => {
        "r.id, r.owner, r.deployment_id, r.revision, r.trigger_id, r.kind, r.func, r.dedupe_key, r.scheduled_for, \
         r.policy, r.correlation_id, r.created_at, p.state, p.skip_reason, p.attempt, p.failures, p.orphaned, \
         p.not_before, p.epoch, p.worker, p.lease_until, p.cancel_requested, p.started_at, p.completed_at, p.isolation, \
         p.error, p.logs_pruned"
    };
}
/// The tables they come from.
macro_rules! run_tables {
    () => {
        "runs r JOIN progress p ON p.run_id = r.id"
    };
}
pub(crate) use {run_columns, run_tables};

/// Reads a run; what follows its columns is left to the caller.
pub(crate) fn run(columns: &mut Columns<'_>) -> Result<Run> {
    Ok(Run {
        id: RunId::from_uuid(columns.uuid()?),
        owner: columns.name("owner")?,
        deployment_id: DeploymentId::from_uuid(columns.uuid()?),
        revision: columns.number("revision")?,
        trigger_id: columns.take::<Option<Uuid>>()?.map(TriggerId::from_uuid),
        trigger: columns.word("kind", TriggerKind::parse)?,
        func: columns.take()?,
        key: fire_key(columns.take()?)?,
        scheduled_for: columns.instant()?,
        policy: columns.json("policy")?,
        correlation_id: columns.name("correlation id")?,
        created_at: columns.instant()?,
        state: columns.word("state", RunState::parse)?,
        skip_reason: columns
            .take::<Option<&str>>()?
            .map(|word| unquoted_word::<SkipReason>("skip reason", word))
            .transpose()?,
        attempt: columns.number("attempt")?,
        failures: columns.number("failures")?,
        orphaned: columns.number("orphaned")?,
        not_before: columns.instant()?,
        epoch: columns.number("epoch")?,
        claim: claim(columns.take()?, columns.optional_instant()?)?,
        cancel_requested: columns.take()?,
        started_at: columns.optional_instant()?,
        completed_at: columns.optional_instant()?,
        isolation: columns.optional_json("isolation")?,
        error: columns.optional_json("error")?,
        logs_pruned: columns.take()?,
        result: columns.optional_json("result")?,
        payload: columns.optional_json("payload")?,
    })
}

fn claim(worker: Option<&str>, lease_until: Option<DateTime<Utc>>) -> Result<Option<Claim>> {
    match (worker, lease_until) {
        (Some(worker), Some(lease_until)) => Ok(Some(Claim { worker: name("worker", worker)?, lease_until })),
        _ => Ok(None),
    }
}

fn fire_key(bytes: Vec<u8>) -> Result<FireKey> {
    let text = text("dedupe key", bytes)?;
    FireKey::parse_dedupe_key(&text).ok_or_else(|| unreadable("dedupe key", text))
}
