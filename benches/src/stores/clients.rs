//! Clients that call again and again at the same time.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Failure;

/// Lets clients work, each until the instant that it is given, and returns how much all of them did in a second. What is
/// under way at that instant still counts, with the time that it takes: a call is never so long that it is not measured.
pub(super) async fn rate<W>(clients: usize, window: Duration, client: impl Fn(Instant) -> W) -> Result<f64, Failure>
where
    W: Future<Output = Result<usize, Failure>> + Send + 'static,
{
    let started = Instant::now();
    let mut working = JoinSet::new();
    for _ in 0..clients {
        working.spawn(client(started + window));
    }
    let mut done = 0;
    while let Some(ended) = working.join_next().await {
        done += ended??;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}
