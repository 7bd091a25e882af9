//! How to connect, and what each connection is set to.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use wren_core::{Error, ErrorCode, Result};

/// How long a statement waits for a row that somebody else has locked.
pub(crate) const LOCK_TIMEOUT: &str = "20s";

/// How to connect a [`PostgresStore`](crate::PostgresStore).
#[derive(Clone)]
#[non_exhaustive]
pub struct PostgresOptions {
    url: String,
    /// The schema that everything lives in; `wren` by default.
    pub schema: String,
    /// Whether a schema that is missing or older is brought up to date; true by default. Without it one that is not is
    /// refused, for servers whose role may not change tables.
    pub migrate: bool,
    /// How many connections read at once; 8 by default. Writing takes up to five more.
    pub read_connections: u32,
    /// How long to wait for a connection; 10 seconds by default.
    pub connect_timeout: Duration,
}

impl fmt::Debug for PostgresOptions {
    /// Prints no URL: it may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostgresOptions").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Returns options for a server, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, with the defaults. What the URL
    /// leaves out comes from the environment as libpq has it: `PGHOST`, `PGPASSWORD`, `PGPASSFILE`…
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "wren".to_owned(),
            migrate: true,
            read_connections: 8,
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// Sets the schema that everything lives in.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Sets whether the schema is brought up to date.
    #[must_use]
    pub fn with_migrate(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// Sets how many connections read at once; at least one.
    #[must_use]
    pub fn with_read_connections(mut self, connections: u32) -> Self {
        self.read_connections = connections.max(1);
        self
    }

    /// Sets how long to wait for a connection.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Returns what each connection is set to.
    pub(crate) fn connection(&self) -> Result<PgConnectOptions> {
        let invalid = |message: &str| {
            Error::new(ErrorCode::InvalidRequest, message)
                .with_hint("write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special letters")
        };
        // The error of the parser may quote the URL, and with it the password.
        let parsed = PgConnectOptions::from_str(&self.url).map_err(|_| invalid("the URL of PostgreSQL is not one"))?;
        if parsed.get_database().is_none() {
            return Err(invalid("the URL of PostgreSQL names no database"));
        }
        let is_name = !self.schema.is_empty()
            && self.schema.len() <= 63
            && self.schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !self.schema.starts_with(|first: char| first.is_ascii_digit());
        if !is_name {
            return Err(Error::new(ErrorCode::InvalidRequest, format!("`{}` is no name for a schema", self.schema))
                .with_hint("use up to 63 of the letters a to z, digits and `_`, not beginning with a digit"));
        }
        let settings = [
            ("search_path", self.schema.as_str()),
            // Nothing here takes as long as this; what does holds others up.
            ("statement_timeout", "60s"),
            ("lock_timeout", LOCK_TIMEOUT),
            // Compiling a statement takes longer than any of these runs.
            ("jit", "off"),
            // A server that sleeps, or whose machine is gone, within a transaction keeps its locks for this long, and with the
            // lock of the claims everybody from claiming. One that lives is idle in none for more than a moment.
            ("idle_in_transaction_session_timeout", "5s"),
        ];
        Ok(parsed.application_name("wren").options(settings).disable_statement_logging())
    }

    /// Returns who is asked, for messages: without user and password.
    pub(crate) fn address(&self) -> String {
        match PgConnectOptions::from_str(&self.url) {
            Ok(parsed) => match parsed.get_socket() {
                Some(socket) => socket.display().to_string(),
                None => format!("{}:{}", parsed.get_host(), parsed.get_port()),
            },
            Err(_) => "the server".to_owned(),
        }
    }
}
