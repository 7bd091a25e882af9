//! Small records by key.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row as _};
use wren_core::Result;
use wren_core::store::kit::{RecordList, unreadable};
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordKey};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros, number, text};

/// Returns a namespace as its columns hold it; no owner has an empty name.
pub(crate) fn place(namespace: &Namespace) -> (&str, &[u8]) {
    (namespace.owner().map_or("", |owner| owner.as_str()), namespace.name().as_bytes())
}

fn record(row: &PgRow) -> Result<Record> {
    let mut columns = Columns::new(row);
    Ok(Record {
        key: text("key", columns.take()?)?,
        value: Bytes::from(columns.take::<Vec<u8>>()?),
        version: columns.number("version")?,
        expires_at: columns.optional_instant()?,
    })
}

/// Reads a record that has not expired.
pub(crate) async fn read(
    readers: &PgPool,
    namespace: &Namespace,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Record>> {
    let (owner, space) = place(namespace);
    let row = sqlx::query(
        "SELECT key, value, version, expires_at FROM records WHERE owner = $1 AND space = $2 AND key = $3 \
         AND (expires_at IS NULL OR expires_at > $4)",
    )
    .bind(owner)
    .bind(space)
    .bind(key.as_bytes())
    .bind(micros(now))
    .fetch_optional(readers)
    .await
    .or_store_error()?;
    row.map(|row| record(&row)).transpose()
}

/// Selects these columns of the records of a list.
macro_rules! select {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM records WHERE owner = $1 AND space = $2 AND key >= $3 AND ($4::bytea IS NULL OR key < $4) \
             AND ($5::bytea IS NULL OR key > $5) AND (expires_at IS NULL OR expires_at > $6) ORDER BY key LIMIT $7"
        )
    };
}

/// Reads records.
pub(crate) async fn list(readers: &PgPool, list: RecordList<'_>) -> Result<Vec<Record>> {
    let rows = fetch(readers, list, select!("key, value, version, expires_at")).await?;
    rows.iter().map(record).collect()
}

/// Reads keys and the sizes of values, which are not read.
pub(crate) async fn list_keys(readers: &PgPool, list: RecordList<'_>) -> Result<Vec<RecordKey>> {
    let rows = fetch(readers, list, select!("key, octet_length(value)::bigint")).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok(RecordKey { key: text("key", columns.take()?)?, bytes: columns.number("size")? })
        })
        .collect()
}

async fn fetch(readers: &PgPool, list: RecordList<'_>, text: &'static str) -> Result<Vec<PgRow>> {
    let (owner, space) = place(list.namespace);
    sqlx::query(text)
        .bind(owner)
        .bind(space)
        // Where the list goes on, not where it begins, is where the index is entered.
        .bind(list.after.filter(|after| *after > list.prefix).unwrap_or(list.prefix).as_bytes())
        .bind(end_of(list.prefix.as_bytes()))
        .bind(list.after.map(str::as_bytes))
        .bind(micros(list.now))
        .bind(number(list.limit))
        .fetch_all(readers)
        .await
        .or_store_error()
}

/// Returns the first bytes after all that begin with `prefix`, where there are some. No UTF-8 text has a byte of 255.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

/// Writes a record if the expectation holds. The version is drawn once the row is locked, so that it grows with every write
/// of a key.
pub(crate) async fn put(
    connection: &mut PgConnection,
    namespace: &Namespace,
    key: &str,
    value: &Bytes,
    options: PutOptions,
) -> Result<Option<u64>> {
    macro_rules! upsert {
        ($condition:literal) => {
            concat!(
                "INSERT INTO records AS r (owner, space, key, value, expires_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (owner, space, key) DO UPDATE \
                 SET value = excluded.value, expires_at = excluded.expires_at, version = nextval('record_versions') \
                 WHERE $6::bigint IS NOT NULL AND $7::bigint IS NULL AND ",
                $condition,
                " RETURNING version"
            )
        };
    }
    let (statement, version) = match options.expect {
        Expect::Any => (upsert!("true"), None),
        Expect::Absent => (upsert!("r.expires_at <= $6"), None),
        Expect::Version(version) => (
            "UPDATE records SET value = $4, expires_at = $5, version = nextval('record_versions') \
             WHERE owner = $1 AND space = $2 AND key = $3 AND version = $7 \
             AND (expires_at IS NULL OR expires_at > $6) RETURNING version",
            // No version is that large.
            Some(i64::try_from(version).unwrap_or(-1)),
        ),
    };
    let (owner, space) = place(namespace);
    let row = sqlx::query(statement)
        .bind(owner)
        .bind(space)
        .bind(key.as_bytes())
        .bind(&value[..])
        .bind(options.expires_at.map(micros))
        .bind(micros(options.now))
        .bind(version)
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    row.map(|row| {
        let version: i64 = row.try_get(0).or_store_error()?;
        u64::try_from(version).map_err(|error| unreadable("version", error))
    })
    .transpose()
}

/// Deletes a record that has not expired, at that version if one is given.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    namespace: &Namespace,
    key: &str,
    version: Option<u64>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (owner, space) = place(namespace);
    let deleted = sqlx::query(
        "DELETE FROM records WHERE owner = $1 AND space = $2 AND key = $3 \
         AND (expires_at IS NULL OR expires_at > $4) AND ($5::bigint IS NULL OR version = $5)",
    )
    .bind(owner)
    .bind(space)
    .bind(key.as_bytes())
    .bind(micros(now))
    // No version is that large.
    .bind(version.map(|version| i64::try_from(version).unwrap_or(-1)))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(deleted.rows_affected() > 0)
}

/// Deletes every record of a namespace.
pub(crate) async fn clear(connection: &mut PgConnection, namespace: &Namespace) -> Result<()> {
    let (owner, space) = place(namespace);
    sqlx::query("DELETE FROM records WHERE owner = $1 AND space = $2")
        .bind(owner)
        .bind(space)
        .execute(connection)
        .await
        .or_store_error()?;
    Ok(())
}

/// Deletes expired records.
pub(crate) async fn purge(connection: &mut PgConnection, now: DateTime<Utc>, limit: usize) -> Result<usize> {
    let deleted = sqlx::query(
        "DELETE FROM records WHERE ctid = ANY(ARRAY(SELECT ctid FROM records WHERE expires_at <= $1 \
         ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
    )
    .bind(micros(now))
    .bind(number(limit))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX))
}
