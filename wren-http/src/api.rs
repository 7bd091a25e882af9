//! What the routes share: the engine, the keys, the limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wren_core::Error;
use wren_core::engine::Engine;
use wren_core::keys::ApiKeys;
use wren_core::source::InboundMail;
use wren_core::store::RecordStore;
use wren_integrations::Connections;

use crate::known_keys::KnownKeys;
use crate::limit::{Limiter, RateLimit, TrustedProxy};
use crate::readiness::Readiness;
use crate::streams::Streams;

/// How many deliveries may be on their way at once: 200 MiB of them.
const INBOUND_AT_ONCE: usize = 8;

/// How many items one may ask for in a page, unless the host sets another number.
pub(crate) const MAX_PAGE: usize = 200;

/// An engine with the settings of its HTTP API. Clones share the engine.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) engine: Engine,
    pub(crate) keys: ApiKeys,
    pub(crate) connections: Option<Connections>,
    pub(crate) inbound: Option<Arc<dyn InboundMail>>,
    /// How many bodies of deliveries there is room for.
    pub(crate) inbound_room: Arc<Semaphore>,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) guide: Option<Arc<str>>,
    pub(crate) public_url: Arc<str>,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) max_page: usize,
    pub(crate) streams: Arc<Streams>,
    /// Ends the answers that would go on.
    pub(crate) closing: CancellationToken,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) known_keys: Arc<KnownKeys>,
    pub(crate) trusted_proxies: Arc<[TrustedProxy]>,
}

/// Renders the process's figures.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl Metrics {
    pub(crate) fn render(&self) -> String {
        (self.0)()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Api {
    /// Makes an API with bodies that arrive within 30 s, answers within 60 s, and pages of 200 at most.
    ///
    /// The body of a deploy may have six times the engine's largest script and 256 KiB, that of a run asked for 1 MiB,
    /// any other 256 KiB.
    ///
    /// A key may send the default [`RateLimit`] of requests.
    ///
    /// The keys are those that [`ApiKeys`] keeps in the engine's store.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        let records: Arc<dyn RecordStore> = Arc::<dyn wren_core::store::Store>::clone(engine.store());
        Self {
            engine,
            keys: ApiKeys::new(records),
            connections: None,
            inbound: None,
            inbound_room: Arc::new(Semaphore::new(INBOUND_AT_ONCE)),
            metrics: None,
            guide: None,
            public_url: "".into(),
            body_limit: usize::MAX,
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            max_page: MAX_PAGE,
            streams: Arc::new(Streams::default()),
            closing: CancellationToken::new(),
            readiness: Arc::default(),
            limiter: Arc::new(Limiter::new(Some(RateLimit::default()))),
            known_keys: Arc::default(),
            trusted_proxies: Arc::default(),
        }
    }

    /// Lets users connect integrations, on pages below `/integrations/` and with links that `POST
    /// /v1/integrations/{name}/connect` makes. Without it these routes answer that there is nothing.
    #[must_use]
    pub fn with_connections(mut self, connections: Connections) -> Self {
        self.connections = Some(connections);
        self
    }

    /// Takes mail that providers hand over at `POST /v1/inbound/email/{address}`, and gives deployments addresses with `POST
    /// /v1/deployments/{id}/inbound`. Without it these routes answer that there is nothing.
    #[must_use]
    pub fn with_inbound_mail(mut self, inbound: Arc<dyn InboundMail>) -> Self {
        self.inbound = Some(inbound);
        self
    }

    /// Answers `GET /llms.txt` with this text: what an agent has to know. Without it this route answers that there is nothing.
    #[must_use]
    pub fn with_guide(mut self, guide: impl AsRef<str>) -> Self {
        self.guide = Some(guide.as_ref().into());
        self
    }

    /// Answers `GET /metrics` with what `render` returns: the process's figures in Prometheus's text format. Without it this route
    /// answers that there is nothing.
    #[must_use]
    pub fn with_metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Metrics(Arc::new(render)));
        self
    }

    /// Sets the address that callers reach the API by, say `https://wrens.ie`: `Location` headers begin with it. Without
    /// it they hold the path alone.
    #[must_use]
    pub fn with_public_url(mut self, url: impl AsRef<str>) -> Self {
        self.public_url = url.as_ref().trim_end_matches('/').into();
        self
    }

    /// Sets the largest request body of any route, in bytes; a route's own limit holds where it is lower.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets how long the body of a request may take to arrive.
    #[must_use]
    pub fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets how long an answer may take. What a request has begun to change is brought to its end all the same.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets how many requests a key may send; `None` is no limit. Where several servers share a store they share it, too. Probes, the
    /// document, `GET /metrics`, a user's pages and mail that is handed over are not counted.
    ///
    /// Beside it, and always, an address from which 30 requests came without a valid key has to wait: 60 a minute are looked
    /// at. A key that was valid before is let through all the same, and so is this machine, as the address of a proxy on it.
    /// Behind a proxy elsewhere everybody has its address unless it is [trusted](Self::with_trusted_proxies) to name theirs.
    #[must_use]
    pub fn with_rate_limit(mut self, limit: Option<RateLimit>) -> Self {
        self.limiter = Arc::new(Limiter::new(limit));
        self
    }

    /// Sets the proxies before this API that are trusted to say in `X-Forwarded-For` where a request comes from; none without it.
    /// The address is the last in that header that is no trusted proxy's; what cannot be read leaves that of the connection.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: impl IntoIterator<Item = TrustedProxy>) -> Self {
        self.trusted_proxies = proxies.into_iter().collect();
        self
    }

    /// Sets how many items a caller may ask for in one page; at least 1.
    #[must_use]
    pub fn with_max_page(mut self, items: usize) -> Self {
        self.max_page = items.max(1);
        self
    }

    /// Lets an API key that was good count as good for a while without a look at the store, a second say: each request needs one
    /// otherwise. What this API revokes ends at once all the same; what is revoked elsewhere ends that much later.
    #[must_use]
    pub fn with_known_keys(mut self, lasting: Duration) -> Self {
        self.known_keys = Arc::new(KnownKeys::lasting(lasting));
        self
    }

    /// Sets how many answers that go on, as followed logs do, one API key, one owner and the whole server may have at once: 100, 200
    /// and 256 unless told otherwise, the last of which is half of the connections that [`serve`](crate::serve) takes.
    #[must_use]
    pub fn with_stream_limits(mut self, per_key: usize, per_owner: usize, in_all: usize) -> Self {
        self.streams = Arc::new(Streams::new(per_key, per_owner, in_all));
        self
    }

    /// Ends the answers that go on, as followed logs do, once `closing` is cancelled: for a host with a server of its own.
    /// [`serve`](crate::serve) ends them by itself.
    #[must_use]
    pub fn with_closing(mut self, closing: CancellationToken) -> Self {
        self.closing = closing;
        self
    }

    /// Returns what connects integrations.
    ///
    /// # Errors
    /// `NOT_FOUND` where the host of this API has none.
    pub(crate) fn connections(&self) -> Result<&Connections, Error> {
        self.connections.as_ref().ok_or_else(|| {
            Error::not_found("a way to connect integrations on this server")
                .with_hint("ask its operator for the credentials that the script needs")
        })
    }

    /// Returns what takes mail.
    ///
    /// # Errors
    /// `NOT_FOUND` where the host of this API has none.
    pub(crate) fn inbound_mail(&self) -> Result<Arc<dyn InboundMail>, Error> {
        self.inbound.clone().ok_or_else(|| {
            Error::not_found("a way to hand over mail on this server").with_hint("have it read a mailbox instead")
        })
    }

    /// Returns what a `Location` header says of a path.
    pub(crate) fn location(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }
}
