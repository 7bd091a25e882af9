//! Signals between servers: NOTIFY and LISTEN.
//!
//! A NOTIFY takes a lock of the whole cluster while its transaction commits, which would be the fires' and claims' bottleneck. So
//! none is sent from within their transactions: signals are gathered, and a task of its own sends what has come together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use uuid::Uuid;
use wren_core::Result;
use wren_core::store::{Peers, Signals};

use crate::error::OrStoreError;

/// How long signals are gathered before they are sent, so that a busy server sends fifty a second and not thousands.
const GATHER: Duration = Duration::from_millis(20);
/// The wait before the server is tried again that could not be listened to.
const AGAIN: Duration = Duration::from_secs(1);

/// Signals that have come together.
#[derive(Default)]
struct Gathered {
    signals: Mutex<Signals>,
    more: Notify,
}

impl Gathered {
    fn add(&self, signals: Signals) {
        *self.signals.lock() |= signals;
        self.more.notify_one();
    }

    /// Waits for signals and takes them.
    async fn take(&self) -> Signals {
        loop {
            let more = self.more.notified();
            let signals = std::mem::take(&mut *self.signals.lock());
            if !signals.is_empty() {
                return signals;
            }
            more.await;
        }
    }
}

/// The other servers on the schema.
pub(crate) struct PostgresPeers {
    told: Arc<Gathered>,
    heard: Arc<Gathered>,
    tasks: [AbortHandle; 2],
}

impl fmt::Debug for PostgresPeers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostgresPeers").finish_non_exhaustive()
    }
}

impl PostgresPeers {
    /// Starts telling and listening. The listener keeps one connection of the pool.
    pub(crate) fn start(pool: PgPool, schema: &str) -> Self {
        let channel = format!("wren_{schema}");
        // Who listens also hears itself, and is to leave that out.
        let this = Uuid::new_v4().simple().to_string();
        let (told, heard) = (Arc::<Gathered>::default(), Arc::<Gathered>::default());
        let telling = tokio::spawn(tell(pool.clone(), channel.clone(), this.clone(), Arc::clone(&told)));
        let listening = tokio::spawn(listen(pool, channel, this, Arc::clone(&heard)));
        Self { told, heard, tasks: [telling.abort_handle(), listening.abort_handle()] }
    }

    /// Ends both.
    pub(crate) fn end(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for PostgresPeers {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl Peers for PostgresPeers {
    fn signal(&self, signals: Signals) {
        self.told.add(signals);
    }

    async fn signalled(&self) -> Signals {
        self.heard.take().await
    }
}

async fn tell(pool: PgPool, channel: String, this: String, told: Arc<Gathered>) {
    loop {
        let signals = told.take().await;
        let payload = format!("{this} {}", signals.letters());
        let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(&channel).bind(payload).execute(&pool).await;
        if let Err(error) = sent.or_store_error() {
            // A hint was lost: the others look unasked.
            tracing::debug!(error = error.chain(), "a signal was not sent");
        }
        tokio::time::sleep(GATHER).await;
    }
}

async fn listen(pool: PgPool, channel: String, this: String, heard: Arc<Gathered>) {
    loop {
        if let Err(error) = listen_once(&pool, &channel, &this, &heard).await {
            tracing::warn!(error = error.chain(), "listening to the other servers failed, trying again");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Listens until the connection fails for longer than it takes to make a new one.
async fn listen_once(pool: &PgPool, channel: &str, this: &str, heard: &Gathered) -> Result<()> {
    let mut listener = PgListener::connect_with(pool).await.or_store_error()?;
    listener.listen(channel).await.or_store_error()?;
    // Before this nothing was heard.
    heard.add(Signals::ALL);
    loop {
        match listener.try_recv().await.or_store_error()? {
            Some(notification) => match notification.payload().split_once(' ') {
                Some((sender, letters)) if sender != this => heard.add(Signals::parse(letters)),
                _ => {}
            },
            // The connection was lost and made anew; what was told meanwhile is not known.
            None => heard.add(Signals::ALL),
        }
    }
}
