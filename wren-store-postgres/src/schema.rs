//! The schema's versions: forward only, one transaction each, one server at a time.
//!
//! A step MUST leave the tables usable for the binaries that are running, since servers are replaced one after the other: it
//! adds, and what it takes away no binary of a version still in use reads any more. `compatible_with` says from which version
//! of a binary on that holds.

use sqlx::{Connection as _, PgConnection, Row as _};
use wren_core::{Error, ErrorCode, Result};

use crate::error::OrStoreError;
use crate::options::PostgresOptions;

/// A step: its statements, and the oldest binary, by the number of its last step, that can work with the result.
struct Migration {
    statements: &'static str,
    compatible_with: i64,
}

/// The steps. Once released they are never changed, only added.
const MIGRATIONS: [Migration; 2] = [
    Migration { statements: include_str!("migrations/0001_initial.sql"), compatible_with: 1 },
    Migration { statements: include_str!("migrations/0002_logs_pruned.sql"), compatible_with: 1 },
];

/// The oldest server that is known to do.
const OLDEST_SERVER: i64 = 15_00_00;

/// Looks at the schema and brings it up to date if that is wanted.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the server is too old, or the schema is missing, older and not to be migrated, newer than this
/// binary can work with, or another program's.
pub(crate) async fn prepare(connection: &mut PgConnection, options: &PostgresOptions) -> Result<()> {
    check_server(connection).await?;
    let known = MIGRATIONS.len() as i64;
    if check(version(connection, &options.schema).await?, known)? {
        return Ok(());
    }
    if !options.migrate {
        return Err(unavailable(format!("the schema `{}` is not at version {known}", options.schema))
            .with_hint("open the store once with a role that may change tables, and `migrate` left on"));
    }
    loop {
        let mut transaction = connection.begin().await.or_store_error()?;
        // Servers that start at once take turns; the later ones find the work done.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('wren schema ' || $1, 0))")
            .bind(&options.schema)
            .execute(&mut *transaction)
            .await
            .or_store_error()?;
        let found = version(&mut transaction, &options.schema).await?;
        if check(found, known)? {
            return Ok(());
        }
        step(&mut transaction, options, found).await?;
        transaction.commit().await.or_store_error()?;
    }
}

/// The version of a schema and the oldest binary that can work with it.
#[derive(Clone, Copy)]
struct Version {
    version: i64,
    compatible_with: i64,
}

/// Says whether the schema is as this binary needs it.
fn check(found: Option<Version>, known: i64) -> Result<bool> {
    let Some(Version { version, compatible_with }) = found else { return Ok(false) };
    if compatible_with > known {
        return Err(unavailable(format!("the schema is at version {version}, this binary knows up to {known}"))
            .with_hint("a newer Wren changed it: use that one or a later one; nothing was written"));
    }
    Ok(version >= known)
}

async fn version(connection: &mut PgConnection, schema: &str) -> Result<Option<Version>> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'wren_schema'), \
         EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1)",
    )
    .bind(schema)
    .fetch_one(&mut *connection)
    .await
    .or_store_error()?;
    let (is_ours, has_tables): (bool, bool) = (row.try_get(0).or_store_error()?, row.try_get(1).or_store_error()?);
    if !is_ours && has_tables {
        return Err(unavailable(format!("the schema `{schema}` belongs to another program"))
            .with_hint("name another schema; nothing was written"));
    }
    if !is_ours {
        return Ok(None);
    }
    // Named in full: a role that may not use the schema is then told so, and not that there is no such table. Safe, as
    // in `step`.
    let statement = sqlx::AssertSqlSafe(format!("SELECT version, compatible_with FROM {schema}.wren_schema"));
    let row = sqlx::query(statement).fetch_optional(connection).await.or_store_error()?;
    row.map(|row| {
        Ok(Version { version: row.try_get(0).or_store_error()?, compatible_with: row.try_get(1).or_store_error()? })
    })
    .transpose()
}

/// Does the next step.
async fn step(connection: &mut PgConnection, options: &PostgresOptions, found: Option<Version>) -> Result<()> {
    let done = found.map_or(0, |found| found.version);
    let Some(migration) = usize::try_from(done).ok().and_then(|done| MIGRATIONS.get(done)) else { return Ok(()) };
    if found.is_none() {
        // Safe: the name was checked to be of letters, digits and underscores.
        let create = format!(
            "CREATE SCHEMA IF NOT EXISTS {}; \
             CREATE TABLE wren_schema (version bigint NOT NULL, compatible_with bigint NOT NULL); \
             INSERT INTO wren_schema VALUES (0, 0)",
            options.schema
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut *connection).await.or_store_error()?;
    }
    sqlx::raw_sql(migration.statements).execute(&mut *connection).await.or_store_error()?;
    sqlx::query("UPDATE wren_schema SET version = $1, compatible_with = $2")
        .bind(done + 1)
        .bind(migration.compatible_with)
        .execute(connection)
        .await
        .or_store_error()?;
    Ok(())
}

async fn check_server(connection: &mut PgConnection) -> Result<()> {
    let row = sqlx::query("SELECT current_setting('server_version_num')::bigint, current_setting('server_version')")
        .fetch_one(connection)
        .await
        .or_store_error()?;
    let (number, name): (i64, String) = (row.try_get(0).or_store_error()?, row.try_get(1).or_store_error()?);
    if number >= OLDEST_SERVER {
        return Ok(());
    }
    Err(unavailable(format!("PostgreSQL {name} is too old")).with_hint("use version 15 or later"))
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorCode::StoreUnavailable, message)
}
