//! How connections are served.

use std::time::Duration;

/// How connections are served.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ServeOptions {
    /// How long requests in progress may go on after the shutdown.
    pub drain: Duration,
    /// How long the head of a request may take to arrive, the wait of an idle connection for its next one included.
    pub header_timeout: Duration,
    /// How long a client may take nothing of an answer before its connection is cut off; on Linux also how long what was sent
    /// may stay unacknowledged.
    pub write_timeout: Duration,
    /// How many connections there may be at once; more wait unaccepted. At least 1.
    pub max_connections: usize,
}

impl Default for ServeOptions {
    /// 30 s for the drain, 15 s for a head, 60 s without a byte taken, 512 connections: half of the 1024 file descriptors
    /// that a process usually may open, so that the other half is left for the store and the sandboxes.
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(60),
            max_connections: 512,
        }
    }
}

impl ServeOptions {
    /// Sets how long requests in progress may go on after the shutdown.
    #[must_use]
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Sets how long the head of a request may take to arrive, the wait of an idle connection included.
    #[must_use]
    pub fn with_header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Sets how long a client may take nothing of an answer before its connection is cut off.
    #[must_use]
    pub fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets how many connections there may be at once.
    #[must_use]
    pub fn with_max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }
}
