//! Small records by key.

mod list;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordKey, RecordStore};
use wren_core::{Error, ErrorCode, Result};

use crate::SqliteStore;
use crate::error::OrStoreError;
use crate::rows::{Columns, micros};
use crate::writer::Operation;

#[async_trait]
impl RecordStore for SqliteStore {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        let place = Place::of(namespace);
        let row = sqlx::query(
            "SELECT key, value, version, expires_at FROM records WHERE owner = ? AND space = ? AND key = ? \
             AND (expires_at IS NULL OR expires_at > ?)",
        )
        .bind(place.owner)
        .bind(place.space)
        .bind(key.to_owned())
        .bind(micros(now))
        .fetch_optional(&self.readers)
        .await
        .or_store_error()?;
        row.map(|row| record(&row)).transpose()
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        self.writer.write(Put { place: Place::of(namespace), key: key.to_owned(), value, options }).await
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        if expect == Expect::Absent {
            return Ok(false);
        }
        self.writer.write(Delete { place: Place::of(namespace), key: key.to_owned(), expect, now }).await
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        list::Range { namespace, prefix, after, limit, now }.records(&self.readers).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        list::Range { namespace, prefix, after, limit, now }.keys(&self.readers).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.writer.write(Purge { now, limit }).await
    }
}

/// A namespace as its columns hold it.
struct Place {
    owner: String,
    space: String,
}

impl Place {
    fn of(namespace: &Namespace) -> Self {
        // No owner has an empty name.
        let owner = namespace.owner().map_or_else(String::new, |owner| owner.as_str().to_owned());
        Self { owner, space: namespace.name().to_owned() }
    }
}

fn record(row: &SqliteRow) -> Result<Record> {
    let mut columns = Columns::new(row);
    Ok(Record {
        key: columns.take()?,
        value: Bytes::from(columns.take::<Vec<u8>>()?),
        version: columns.number("version")?,
        expires_at: columns.optional_instant()?,
    })
}

/// Deletes every record of a namespace.
pub(crate) async fn clear(connection: &mut SqliteConnection, namespace: &Namespace) -> Result<()> {
    let place = Place::of(namespace);
    sqlx::query("DELETE FROM records WHERE owner = ? AND space = ?")
        .bind(place.owner)
        .bind(place.space)
        .execute(connection)
        .await
        .or_store_error()?;
    Ok(())
}

struct Put {
    place: Place,
    key: String,
    value: Bytes,
    options: PutOptions,
}

impl Operation for Put {
    type Output = u64;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<u64>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(operation.carry_out(connection).await?);
        }
        Ok(answers)
    }
}

impl Put {
    /// Checks the expectation and writes in one statement. A replaced row is deleted and inserted, which is what gives it a
    /// new version.
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Result<u64>> {
        macro_rules! put {
            ($condition:literal) => {
                concat!(
                    "INSERT OR REPLACE INTO records (owner, space, key, value, expires_at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ",
                    $condition,
                    " RETURNING version"
                )
            };
        }
        let (text, version) = match self.options.expect {
            Expect::Any => (put!("true"), None),
            Expect::Absent => (
                put!(
                    "NOT EXISTS (SELECT 1 FROM records WHERE owner = ?1 AND space = ?2 AND key = ?3 \
                     AND (expires_at IS NULL OR expires_at > ?6))"
                ),
                None,
            ),
            Expect::Version(version) => (
                put!(
                    "EXISTS (SELECT 1 FROM records WHERE owner = ?1 AND space = ?2 AND key = ?3 AND version = ?7 \
                     AND (expires_at IS NULL OR expires_at > ?6))"
                ),
                // No version is that large.
                Some(i64::try_from(version).unwrap_or(-1)),
            ),
        };
        let row = sqlx::query(text)
            .bind(self.place.owner.clone())
            .bind(self.place.space.clone())
            .bind(self.key.clone())
            .bind(self.value.to_vec())
            .bind(self.options.expires_at.map(micros))
            .bind(micros(self.options.now))
            .bind(version)
            .fetch_optional(connection)
            .await
            .or_store_error()?;
        let Some(row) = row else { return Ok(Err(conflict(&self.key, self.options.expect))) };
        let version: i64 = row.try_get(0).or_store_error()?;
        Ok(crate::rows::unsigned("version", version))
    }
}

struct Delete {
    place: Place,
    key: String,
    expect: Expect,
    now: DateTime<Utc>,
}

impl Operation for Delete {
    type Output = bool;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<bool>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(operation.carry_out(connection).await?);
        }
        Ok(answers)
    }
}

impl Delete {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Result<bool>> {
        let version = match self.expect {
            Expect::Version(version) => Some(i64::try_from(version).unwrap_or(-1)),
            Expect::Any | Expect::Absent => None,
        };
        let deleted = sqlx::query(
            "DELETE FROM records WHERE owner = ?1 AND space = ?2 AND key = ?3 \
             AND (expires_at IS NULL OR expires_at > ?4) AND (?5 IS NULL OR version = ?5)",
        )
        .bind(self.place.owner.clone())
        .bind(self.place.space.clone())
        .bind(self.key.clone())
        .bind(micros(self.now))
        .bind(version)
        .execute(connection)
        .await
        .or_store_error()?
        .rows_affected()
            > 0;
        Ok(if deleted || version.is_none() { Ok(deleted) } else { Err(conflict(&self.key, self.expect)) })
    }
}

struct Purge {
    now: DateTime<Utc>,
    limit: usize,
}

impl Operation for Purge {
    type Output = usize;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<usize>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let deleted = sqlx::query(
                "DELETE FROM records WHERE version IN \
                 (SELECT version FROM records WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
            )
            .bind(micros(operation.now))
            .bind(i64::try_from(operation.limit).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await
            .or_store_error()?;
            answers.push(Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX)));
        }
        Ok(answers)
    }
}

fn conflict(key: &str, expect: Expect) -> Error {
    let what = match expect {
        Expect::Absent => "exists",
        Expect::Version(_) | Expect::Any => "is absent or at another version",
    };
    Error::new(ErrorCode::Conflict, format!("the record `{key}` {what}"))
}
