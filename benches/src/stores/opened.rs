//! The stores that are measured, by technology.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use wren_core::store::Store;
use wren_store_postgres::PostgresStore;
use wren_store_redb::RedbStore;
use wren_store_sqlite::SqliteStore;

use super::recording;
use super::server::Server;
use crate::Failure;

/// What a store stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Technology {
    /// A file, write-ahead log, `synchronous=FULL`.
    Sqlite,
    /// A file, `Durability::Immediate`.
    Redb,
    /// A server, as durable as its settings say.
    Postgres,
}

impl Technology {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Redb => "redb",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Where stores are made.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub(super) folder: &'a Path,
    pub(super) server: Option<&'a Server>,
}

impl Places<'_> {
    /// Makes an empty store of a name; `None` where there is no server for it.
    pub(super) async fn open(&self, technology: Technology, name: &str) -> Result<Option<Opened>, Failure> {
        let path = self.folder.join(name);
        Ok(Some(match technology {
            Technology::Sqlite => Opened::Sqlite(Arc::new(SqliteStore::open_path(path.with_extension("db")).await?)),
            Technology::Redb => Opened::Redb(Arc::new(RedbStore::open_path(path.with_extension("redb")).await?)),
            Technology::Postgres => {
                let Some(server) = self.server else { return Ok(None) };
                Opened::Postgres(Arc::new(server.open(&server.schema()).await?))
            }
        }))
    }

    /// Records due times in a store of their own and beside it; `None` where there is no server for it.
    pub(super) async fn record(&self, technology: Technology, fires: usize) -> Result<Option<recording::Row>, Failure> {
        Ok(Some(match technology {
            Technology::Sqlite => recording::sqlite(self.folder, fires).await?,
            Technology::Redb => recording::redb(self.folder, fires).await?,
            Technology::Postgres => {
                let Some(server) = self.server else { return Ok(None) };
                recording::postgres(server, fires).await?
            }
        }))
    }
}

/// An open store: how it is closed is each one's own.
#[derive(Debug)]
pub(super) enum Opened {
    Sqlite(Arc<SqliteStore>),
    Redb(Arc<RedbStore>),
    Postgres(Arc<PostgresStore>),
}

impl Opened {
    pub(super) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => store.clone(),
            Self::Redb(store) => store.clone(),
            Self::Postgres(store) => store.clone(),
        }
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(store) => store.close().await?,
            Self::Redb(store) => store.close().await?,
            Self::Postgres(store) => store.close().await?,
        }
        Ok(())
    }
}
