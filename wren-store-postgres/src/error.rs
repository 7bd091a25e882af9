//! PostgreSQL's failures in the words of the taxonomy: what happened, and what to do about it.

use wren_core::{Error, ErrorCode, Result};

/// Translates a failure of a statement.
pub(crate) fn from_sqlx(error: sqlx::Error) -> Error {
    let state = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    let (message, hint) = match (state.as_deref(), &error) {
        (Some("53100"), _) => ("the disk of PostgreSQL is full", "free some space there; nothing was half-written"),
        (Some("53200"), _) => ("PostgreSQL ran out of memory", "give the server more memory"),
        (Some("53300"), _) => ("PostgreSQL has no connection left", "raise `max_connections` or run fewer servers"),
        (Some("25006"), _) => ("PostgreSQL is read-only", "name the primary, not a standby"),
        (Some("42501"), _) => {
            ("the role may not use the tables", "grant it the schema and its tables, or open the store as their owner")
        }
        (Some("28P01" | "28000"), _) => {
            ("PostgreSQL refuses user or password", "check both in the URL, and `pg_hba.conf` on the server")
        }
        (Some("3D000"), _) => ("the database does not exist", "make it: `createdb NAME`, and check the URL"),
        (Some("42P01" | "3F000" | "42703"), _) => {
            ("the tables are missing or of another version", "open the store once with a role that may migrate it")
        }
        (Some("57P01" | "57P02" | "57P03"), _) => ("PostgreSQL is shutting down or starting", "try again"),
        (Some("25P03"), _) => ("this server slept within a transaction, which PostgreSQL has ended", "try again"),
        (Some("57014"), _) => ("a statement took too long", "look for what else keeps the server busy"),
        (Some("55P03"), _) => ("a lock took too long", "look for what else has rows of Wren's tables locked"),
        (Some("40001" | "40P01" | "23505"), _) => ("two servers wrote the same rows at once", "try again"),
        (None, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed) => (
            "PostgreSQL cannot be reached",
            "check that it runs and that this machine may connect; the work goes on when it is back",
        ),
        (None, sqlx::Error::PoolClosed) => ("the store is closed", "open it again"),
        (None, sqlx::Error::Tls(_)) => {
            ("the connection to PostgreSQL is not secure", "check `sslmode` and `sslrootcert`")
        }
        (None, sqlx::Error::Protocol(_)) => ("the connection to PostgreSQL broke", "try again"),
        _ => return Error::internal("a statement failed", error),
    };
    Error::new(ErrorCode::StoreUnavailable, message).with_hint(hint).with_source(error)
}

/// Says whether nothing was written because of what others wrote at the same time, so that the same may be tried again at
/// once: a deadlock, a serialisation failure, a key that somebody else just took.
pub(crate) fn is_collision(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<sqlx::Error>())
        .and_then(|source| source.as_database_error()?.code())
        .is_some_and(|code| matches!(&*code, "40001" | "40P01" | "23505"))
}

/// Turns sqlx's results into the store's.
pub(crate) trait OrStoreError<T> {
    fn or_store_error(self) -> Result<T>;
}

impl<T> OrStoreError<T> for Result<T, sqlx::Error> {
    fn or_store_error(self) -> Result<T> {
        self.map_err(from_sqlx)
    }
}
