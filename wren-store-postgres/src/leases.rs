//! The ends of leases.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use wren_core::{Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros, number};

/// Writes the leases alone.
pub(crate) async fn extend(connection: &mut PgConnection, leases: &[(RunId, DateTime<Utc>)]) -> Result<()> {
    if leases.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE progress SET lease_until = v.lease_until FROM unnest($1::uuid[], $2::bigint[]) AS v (id, lease_until) \
         WHERE run_id = v.id",
    )
    .bind(leases.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, until)| micros(*until)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Returns running runs whose lease has ended, and locks them; one that somebody else has locked is being ended.
pub(crate) async fn expired(connection: &mut PgConnection, now: DateTime<Utc>, limit: usize) -> Result<Vec<RunId>> {
    let rows = sqlx::query(
        "SELECT run_id FROM progress WHERE state = 'running' AND lease_until <= $1 ORDER BY lease_until LIMIT $2 \
         FOR UPDATE SKIP LOCKED",
    )
    .bind(micros(now))
    .bind(number(limit))
    .fetch_all(connection)
    .await
    .or_store_error()?;
    rows.iter().map(|row| Ok(RunId::from_uuid(Columns::new(row).uuid()?))).collect()
}
