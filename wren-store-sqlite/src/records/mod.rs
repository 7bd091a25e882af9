//! Small records by key.

pub(crate) mod list;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use wren_core::Result;
use wren_core::store::{Expect, Namespace, PutOptions, Record};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros};

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

/// Reads a record.
pub(crate) async fn read(
    readers: &SqlitePool,
    namespace: &Namespace,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Record>> {
    let place = Place::of(namespace);
    let row = sqlx::query(
        "SELECT key, value, version, expires_at FROM records WHERE owner = ? AND space = ? AND key = ? \
         AND (expires_at IS NULL OR expires_at > ?)",
    )
    .bind(place.owner)
    .bind(place.space)
    .bind(key.to_owned())
    .bind(micros(now))
    .fetch_optional(readers)
    .await
    .or_store_error()?;
    row.map(|row| record(&row)).transpose()
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

/// Checks the expectation and writes in one statement. A replaced row is deleted and inserted, which is what gives it a
/// new version.
pub(crate) async fn put(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
    key: &str,
    value: &Bytes,
    options: PutOptions,
) -> Result<Option<u64>> {
    macro_rules! put {
        ($condition:literal) => {
            concat!(
                "INSERT OR REPLACE INTO records (owner, space, key, value, expires_at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ",
                $condition,
                " RETURNING version"
            )
        };
    }
    let (text, version) = match options.expect {
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
    let place = Place::of(namespace);
    let row = sqlx::query(text)
        .bind(place.owner)
        .bind(place.space)
        .bind(key.to_owned())
        .bind(value.to_vec())
        .bind(options.expires_at.map(micros))
        .bind(micros(options.now))
        .bind(version)
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    row.map(|row| crate::rows::unsigned("version", row.try_get::<i64, _>(0).or_store_error()?)).transpose()
}

/// Deletes a record that has not expired, at that version if one is given.
pub(crate) async fn delete(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
    key: &str,
    version: Option<u64>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let place = Place::of(namespace);
    let deleted = sqlx::query(
        "DELETE FROM records WHERE owner = ?1 AND space = ?2 AND key = ?3 \
         AND (expires_at IS NULL OR expires_at > ?4) AND (?5 IS NULL OR version = ?5)",
    )
    .bind(place.owner)
    .bind(place.space)
    .bind(key.to_owned())
    .bind(micros(now))
    // No version is that large.
    .bind(version.map(|version| i64::try_from(version).unwrap_or(-1)))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(deleted.rows_affected() > 0)
}

/// Deletes expired records.
pub(crate) async fn purge(connection: &mut SqliteConnection, now: DateTime<Utc>, limit: usize) -> Result<usize> {
    let deleted = sqlx::query(
        "DELETE FROM records WHERE version IN \
         (SELECT version FROM records WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
    )
    .bind(micros(now))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX))
}
