//! Serving a router on a socket until somebody says to stop.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How connections are served.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ServeOptions {
    /// How long requests in progress may go on after the shutdown.
    pub drain: Duration,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
}

impl Default for ServeOptions {
    /// 30 s for the drain, 15 s for a head.
    fn default() -> Self {
        Self { drain: Duration::from_secs(30), header_timeout: Duration::from_secs(15) }
    }
}

impl ServeOptions {
    /// Sets how long requests in progress may go on after the shutdown.
    #[must_use]
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Sets how long the head of a request may take to arrive.
    #[must_use]
    pub fn with_header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }
}

/// How long to wait after a connection could not be accepted, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// A listener that fails so often in a row is broken.
const ACCEPT_FAILURES: u32 = 60;

/// Serves a router over HTTP/1.1 with the default options until `shutdown` is cancelled.
///
/// # Errors
/// What the listener says when it accepts nothing for a minute.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    serve_with(listener, router, shutdown, ServeOptions::default()).await
}

/// Serves a router over HTTP/1.1 until `shutdown` is cancelled: then stops accepting, lets requests in progress end
/// within [`ServeOptions::drain`], and cuts off those that do not. Dropping the future cuts off all at once.
///
/// # Errors
/// What the listener says when it accepts nothing for a minute.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    options: ServeOptions,
) -> io::Result<()> {
    // A child, since a listener that breaks must end its connections but not the rest of the host.
    let closing = shutdown.child_token();
    let mut connections = JoinSet::new();
    let mut failures = 0;
    let outcome = loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                failures = 0;
                connections.spawn(connection(stream, router.clone(), closing.clone(), options));
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) if failures == ACCEPT_FAILURES => break Err(error),
            Err(error) => {
                failures += 1;
                tracing::error!(%error, "no connection could be accepted");
                let _ = tokio::time::timeout(ACCEPT_PAUSE, shutdown.cancelled()).await;
            }
        }
    };
    // The port is free for the next server while this one drains.
    drop(listener);
    closing.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not end in time and are cut off");
    }
    connections.shutdown().await;
    outcome
}

async fn connection(stream: TcpStream, router: Router, closing: CancellationToken, options: ServeOptions) {
    // Answers are written at once: waiting for more to send would only add to their latency.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Says whether an error of `accept` is about the connection that was to be accepted, not about the listener.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
