//! Serving a router on a socket until somebody says to stop.

mod accept;
mod host;
mod options;
mod stall;
#[cfg(test)]
mod tests;

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::{Extension, Router};
use futures::future::{Either, ready};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use accept::{Accept, Fault, Tcp};
pub use options::ServeOptions;
use stall::StallGuard;

use crate::limit::Peer;
use crate::streams::Closing;

/// How long to wait after a connection could not be accepted, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The largest head of a request, in bytes, and how much of it each connection may hold before it is known to be one: hyper's own
/// limit is three times this, which many connections at once could fill. An address alone may have half of it.
const MAX_HEAD: usize = 128 * 1024;

/// Serves a router over HTTP/1.1 with the default options until `shutdown` is cancelled.
///
/// # Errors
/// What the listener says when it can never accept anything.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    serve_with(listener, router, shutdown, ServeOptions::default()).await
}

/// Serves a router over HTTP/1.1 until `shutdown` is cancelled: then stops accepting, ends the answers that would go on, as
/// followed logs do, lets requests in progress end within [`ServeOptions::drain`], and cuts off those that do not. Dropping the future cuts off all at once.
///
/// # Errors
/// What the listener says when it can never accept anything. A want of file descriptors or memory is waited out.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    options: ServeOptions,
) -> io::Result<()> {
    serve_from(Tcp { listener, patience: options.write_timeout }, router, shutdown, options).await
}

async fn serve_from(
    mut source: impl Accept,
    router: Router,
    shutdown: CancellationToken,
    options: ServeOptions,
) -> io::Result<()> {
    // A child, since a listener that breaks must end its connections but not the rest of the host.
    let closing = shutdown.child_token();
    let router = router.layer(Extension(Closing(closing.clone())));
    let mut connections = JoinSet::new();
    let places = options.max_connections.max(1);
    let mut crowded = false;
    let outcome = loop {
        let full = connections.len() >= places;
        if full && !crowded {
            tracing::warn!(connections = places, "every place is taken, new connections wait");
        }
        // Said once, and again only after half of them have gone: who fills the places must not fill the log, too.
        crowded = full || (crowded && connections.len() > places / 2);
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = source.accept(), if !full => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = address.map(Peer::of);
                connections.spawn(connection(stream, peer, router.clone(), closing.clone(), options));
            }
            Err(error) => match Fault::of(&error) {
                Fault::Connection => {}
                Fault::Machine => {
                    tracing::error!(%error, "no connection could be accepted");
                    let _ = tokio::time::timeout(ACCEPT_PAUSE, shutdown.cancelled()).await;
                }
                Fault::Listener => break Err(error),
            },
        }
    };
    // The port is free for the next server while this one drains.
    drop(source);
    closing.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not end in time and are cut off");
    }
    connections.shutdown().await;
    outcome
}

async fn connection<S>(stream: S, peer: Option<Peer>, router: Router, closing: CancellationToken, options: ServeOptions)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = StallGuard::new(stream, options.write_timeout);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        match host::refusal(&request) {
            None => Either::Left(router.call(request)),
            Some(refusal) => Either::Right(ready(Ok(refusal))),
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
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
