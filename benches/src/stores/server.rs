//! The PostgreSQL server, and the schemas that a run of the benchmark makes on it and drops at its end.

use chrono::Utc;
use parking_lot::Mutex;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use wren_store_postgres::{PostgresOptions, PostgresStore};

use crate::Failure;

/// A server. What it is asked to write survives a power cut only if its settings say so: they are part of the report.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    prefix: String,
    schemas: Mutex<Vec<String>>,
    pub(super) settings: Settings,
}

/// What the figures of a server depend on.
#[derive(Debug, Serialize)]
pub(super) struct Settings {
    version: String,
    fsync: String,
    synchronous_commit: String,
}

impl Settings {
    pub(super) fn line(&self) -> String {
        let Self { version, fsync, synchronous_commit } = self;
        format!("PostgreSQL {version}, fsync={fsync}, synchronous_commit={synchronous_commit}")
    }
}

impl Server {
    pub(super) async fn find(url: &str) -> Result<Self, Failure> {
        let mut connection = PgConnection::connect(url).await?;
        let (version, fsync, synchronous_commit) = sqlx::query_as(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(Self {
            url: url.to_owned(),
            prefix: format!("wren_bench_{}", Utc::now().timestamp_millis()),
            schemas: Mutex::new(Vec::new()),
            settings: Settings { version, fsync, synchronous_commit },
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns a name that no schema has yet.
    pub(crate) fn schema(&self) -> String {
        let mut schemas = self.schemas.lock();
        let name = format!("{}_{}", self.prefix, schemas.len());
        schemas.push(name.clone());
        name
    }

    pub(crate) async fn open(&self, schema: &str) -> Result<PostgresStore, Failure> {
        Ok(PostgresStore::open(PostgresOptions::new(&self.url).with_schema(schema)).await?)
    }

    pub(crate) async fn connect(&self) -> Result<PgConnection, Failure> {
        Ok(PgConnection::connect(&self.url).await?)
    }

    /// Drops the schemas.
    pub(super) async fn clean(&self) -> Result<(), Failure> {
        let mut connection = self.connect().await?;
        let schemas = std::mem::take(&mut *self.schemas.lock());
        for schema in schemas {
            // Safe: a name that was made here. One at a time: each locks all that is in it.
            let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
            sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await?;
        }
        Ok(())
    }
}
