//! The ends of leases.

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};
use wren_core::{Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{self, blob, micros};
use crate::sql::{pieces, with_rows};

pub(crate) const EXTEND: &str = "WITH v (id, lease_until) AS (VALUES {rows}) \
     UPDATE runs SET lease_until = v.lease_until FROM v WHERE runs.id = v.id";

/// Writes the leases alone: the row keeps its length, so SQLite changes it in place, however large its payload.
pub(crate) async fn extend(connection: &mut SqliteConnection, leases: &[(RunId, DateTime<Utc>)]) -> Result<()> {
    for piece in pieces(leases) {
        let mut statement = with_rows(EXTEND, piece.len(), 2);
        for (id, until) in piece {
            statement = statement.bind(blob(id.uuid())).bind(micros(*until));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

pub(crate) const EXPIRED: &str = "SELECT id FROM runs WHERE lease_until <= ? ORDER BY lease_until LIMIT ?";

/// Returns running runs whose lease has ended.
pub(crate) async fn expired(connection: &mut SqliteConnection, now: DateTime<Utc>, limit: usize) -> Result<Vec<RunId>> {
    let rows = sqlx::query(EXPIRED)
        .bind(micros(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
        .or_store_error()?;
    rows.iter().map(|row| Ok(RunId::from_uuid(rows::uuid(row.try_get(0).or_store_error()?)?))).collect()
}
