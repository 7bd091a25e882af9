//! The schema's versions: forward only, one transaction each, safe when two processes open the file at once.

use sqlx::{Row, SqliteConnection};
use wren_core::{Error, ErrorCode, Result};

use crate::error::OrStoreError;

/// The steps; the number of steps done stands in the file's `user_version`. Steps are never changed, only added.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_paused_until.sql"),
    include_str!("migrations/0003_logs_pruned.sql"),
];

/// "Wren" in ASCII: the mark in the header of every file of ours.
const APPLICATION_ID: i64 = 0x5772_656E;

/// Says whether this binary may write the file. Writes nothing.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the file is another program's, or a newer Wren's.
pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<()> {
    let row = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), \
         (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await
    .or_store_error()?;
    let (mark, version, objects): (i64, i64, i64) =
        (row.try_get(0).or_store_error()?, row.try_get(1).or_store_error()?, row.try_get(2).or_store_error()?);
    if mark != APPLICATION_ID && (objects > 0 || version > 0) {
        return Err(Error::new(ErrorCode::StoreUnavailable, "the database belongs to another program")
            .with_hint("check the path; the file was left as it is"));
    }
    refuse_newer(version)
}

fn refuse_newer(version: i64) -> Result<()> {
    let known = MIGRATIONS.len() as i64;
    if version <= known {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::StoreUnavailable,
        format!("the database has schema version {version}, this binary knows up to {known}"),
    )
    .with_hint("a newer Wren wrote it: use that one or a later one; the file was left as it is"))
}

/// Does the steps that the file has not seen.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    loop {
        // A look without the lock: the usual start writes nothing.
        let version = version(connection).await?;
        refuse_newer(version)?;
        if version as usize == MIGRATIONS.len() {
            return Ok(());
        }
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.or_store_error()?;
        let done = step(connection).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = sqlx::query(end).execute(&mut *connection).await.or_store_error();
        done?;
        ended?;
    }
}

/// Does the next step, unless another process did it while this one waited for the lock.
async fn step(connection: &mut SqliteConnection) -> Result<()> {
    let version = version(connection).await?;
    let Some(statements) = usize::try_from(version).ok().and_then(|done| MIGRATIONS.get(done)) else { return Ok(()) };
    sqlx::raw_sql(*statements).execute(&mut *connection).await.or_store_error()?;
    // A PRAGMA takes no parameters; the number is ours.
    let mark = format!("PRAGMA user_version = {}", version + 1);
    sqlx::raw_sql(sqlx::AssertSqlSafe(mark)).execute(&mut *connection).await.or_store_error()?;
    Ok(())
}

async fn version(connection: &mut SqliteConnection) -> Result<i64> {
    let row = sqlx::query("PRAGMA user_version").fetch_one(connection).await.or_store_error()?;
    row.try_get(0).or_store_error()
}
