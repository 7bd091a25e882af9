//! A store by its name, so that one line decides where a Wren keeps everything.

use std::sync::Arc;

use wren_core::store::Store;
use wren_core::{Error, ErrorCode, Result};
use wren_store_postgres::PostgresStore;
use wren_store_redb::RedbStore;
use wren_store_sqlite::SqliteStore;

/// Opens `sqlite:PATH`, `redb:PATH` or `postgres://…`.
///
/// # Errors
/// `INVALID_REQUEST` for any other text, and whatever opening fails with.
pub async fn open(store: &str) -> Result<Arc<dyn Store>> {
    match store.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteStore::open_path(path).await?)),
        Some(("redb", path)) => Ok(Arc::new(RedbStore::open_path(path).await?)),
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresStore::connect(store).await?)),
        _ => Err(Error::new(ErrorCode::InvalidRequest, format!("`{store}` names no store"))
            .with_hint("write sqlite:PATH, redb:PATH or postgres://USER:PASSWORD@HOST/DATABASE")),
    }
}

/// Returns what follows `--store` among the program's arguments.
#[must_use]
pub fn asked_for() -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--store");
    arguments.nth(1)
}
