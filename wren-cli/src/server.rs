//! `wren serve`: an engine on the shipped backends, its API, and a graceful end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use url::Url;
use wren_core::engine::{Engine, EngineBuilder, EngineOptions};
use wren_core::executor::Executor;
use wren_core::keys::{ApiKeys, NewApiKey};
use wren_core::memory::MemoryVault;
use wren_core::store::{Store, TimedStore};
use wren_core::trace::SpanSink;
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode, OwnerId, WorkerId};
use wren_http::Api;
use wren_integrations::{Connections, OauthRefresher};

use crate::args::{BrokerArgs, DataArgs, LogFormat, MailArgs, ServeArgs};
use crate::backends::{
    Integrations, StoreChoice, as_options, make_broker, make_executors, make_inbound, make_mailboxes, open_store,
    open_vault,
};
use crate::config::ConfigFile;
use crate::failure::{Failure, Problem};
use crate::guide;
use crate::output::{Output, arrived, write_stderr};
use crate::telemetry::{self, OtlpSpans};

/// For how long a key counts as good without a look at the store: what is revoked by a command ends within this.
const KEYS_KNOWN: Duration = Duration::from_secs(1);

/// Runs the server until a signal asks it to end.
pub(crate) async fn serve(args: ServeArgs, file: Option<ConfigFile>, output: Output) -> Result<(), Failure> {
    args.retention.check()?;
    // Before the address is printed: who reads it may ask the server to end at once.
    let signals = Signals::listen()?;
    start_log(args.log_format, "info", output);
    if let Some(file) = file {
        let settings: Vec<&str> = file.server().keys().map(String::as_str).collect();
        tracing::info!(file = %file.path().display(), settings = settings.join(", "), "a configuration file was read");
    }
    let metrics = telemetry::record()?;
    // Taken before the rest, which links to it; the promise of its address is made when all stands.
    let (listener, own_url) = listen(args.listen).await?;
    let public_url = public_url(args.public_url.as_deref(), listener.local_addr().ok())?;
    let integrations = Integrations::read(&args.broker, args.oauth_clients.as_deref(), &public_url)?;
    let store: Arc<dyn Store> = Arc::new(TimedStore::new(open_store(&args.data).await?));
    // What is sealed in memory ends with the process, and needs no key that outlives it.
    let vault: Arc<dyn CredentialVault> = match args.data.store {
        StoreChoice::Memory => Arc::new(memory_vault(&integrations)),
        _ => open_vault(&args.vault, &args.data.data, Arc::clone(&store), Some(&integrations)).await?.shared(),
    };
    let executors = make_executors(args.executor, args.concurrency);
    refuse_without_sandbox(&executors).await?;
    let instance = WorkerId::generate();
    let exporter = OtlpSpans::make(&args.tracing, instance.as_str())?.map(Arc::new);
    let spans = exporter.clone().map(|exporter| exporter as Arc<dyn SpanSink>);
    let parts = Parts { store: Arc::clone(&store), vault, executors, spans };
    let engine = build_engine(parts, &args.broker, &args.mail, &integrations, |options| {
        options.worker = instance;
        options.lease_ms = millis(args.lease);
        options.drain_ms = millis(args.drain);
        options.concurrency = args.concurrency.unwrap_or(options.concurrency);
        options.quotas = args.limits.quotas();
        args.retention.apply(options);
    })?;

    match key_in_memory(&args.data, &store).await? {
        None => {
            output.line(format_args!("listening on {own_url}"));
            output.document(&json!({"event": "listening", "url": own_url}));
        }
        Some(key) => {
            let key = key.expose_secret();
            output.line(format_args!("listening on {own_url}\nexport WREN_API_KEY={key}"));
            output.document(&json!({"event": "listening", "url": own_url, "key": key}));
        }
    }
    // Nobody would know where a server is whose address was lost. A reader that went away may have read it.
    if let Err(lost) = arrived()
        && lost.exit_code() != 0
    {
        return Err(lost);
    }
    tracing::info!(url = own_url, public_url, store = store.name(), data = %args.data.data.display(), "the server is listening");
    hint_at_keys(store, &engine, &args.data).await;

    let shutdown = CancellationToken::new();
    let signals = tokio::spawn(signals.watch(shutdown.clone()));
    let api = make_api(&engine, &integrations, &args.mail)
        .with_public_url(&public_url)
        .with_rate_limit(args.limits.rate_limit.0)
        .with_known_keys(KEYS_KNOWN)
        .with_trusted_proxies(args.limits.trusted_proxy)
        .with_metrics(move || metrics.render());
    let ended = run(engine, api, listener, args.drain, shutdown).await;
    signals.abort();
    if let Some(exporter) = exporter {
        // It waits for the collector, on a thread that may.
        let _ = tokio::task::spawn_blocking(move || exporter.finish()).await;
    }
    tracing::info!("the server has ended");
    ended
}

/// Runs an engine and its API until `shutdown`, or until one of the two fails and takes the other with it.
pub(crate) async fn run(
    engine: Engine,
    api: Api,
    listener: TcpListener,
    drain: Duration,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let router = wren_http::router(api);
    let options = wren_http::ServeOptions::default().with_drain(drain);
    let (served, ran) = tokio::join!(
        async {
            let served = wren_http::serve_with(listener, router, shutdown.clone(), options).await;
            shutdown.cancel();
            served
        },
        async {
            let ran = engine.run(shutdown.clone()).await;
            shutdown.cancel();
            ran
        },
    );
    ran?;
    served.map_err(|error| Failure::internal("serving", error))
}

/// Takes a socket; returns it with the address under which this machine reaches it.
async fn listen(address: SocketAddr) -> Result<(TcpListener, String), Failure> {
    let listening = |error| {
        let error = Error::new(ErrorCode::Internal, format!("cannot listen on {address}: {error}"));
        Failure::from(error.with_hint("is another `wren serve` running? choose another address with --listen"))
    };
    let listener = TcpListener::bind(address).await.map_err(listening)?;
    let url = format!("http://{}", listener.local_addr().map_err(listening)?);
    Ok((listener, url))
}

/// Returns the address that users reach the server by: the one given, or one of this machine.
fn public_url(given: Option<&str>, bound: Option<SocketAddr>) -> Result<String, Failure> {
    let Some(given) = given else {
        return Ok(match bound {
            // No browser can go to "any address".
            Some(bound) if bound.ip().is_unspecified() => format!("http://localhost:{}", bound.port()),
            Some(bound) => format!("http://{bound}"),
            None => "http://localhost".to_owned(),
        });
    };
    let is_address = Url::parse(given).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none()
    });
    if is_address {
        return Ok(given.trim_end_matches('/').to_owned());
    }
    let error = Error::new(ErrorCode::InvalidRequest, format!("`{given}` is no address that users can reach"));
    Err(error.with_hint("write --public-url as https://wren.example.com").into())
}

/// A vault for a store in memory: what is sealed there ends with the process.
pub(crate) fn memory_vault(integrations: &Integrations) -> MemoryVault {
    MemoryVault::default()
        .with_integrations(integrations.directory.clone())
        .with_refresher(Arc::new(OauthRefresher::new(integrations.providers.clone())))
}

/// Backends that stand already.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<dyn CredentialVault>,
    pub(crate) executors: Vec<Arc<dyn Executor>>,
    /// Where spans go, if anywhere.
    pub(crate) spans: Option<Arc<dyn SpanSink>>,
}

/// Puts an engine together.
pub(crate) fn build_engine(
    parts: Parts,
    broker: &BrokerArgs,
    mail: &MailArgs,
    integrations: &Integrations,
    adjust: impl FnOnce(&mut EngineOptions),
) -> Result<Engine, Failure> {
    let mut options = EngineOptions::default();
    adjust(&mut options);
    let Parts { store, vault, executors, spans } = parts;
    let builder = executors.into_iter().fold(Engine::builder(), EngineBuilder::shared_executor);
    let builder = spans.into_iter().fold(builder, EngineBuilder::spans);
    let mailboxes = make_mailboxes(mail, Arc::clone(&vault), Arc::clone(&store))?;
    let broker = Arc::new(make_broker(broker, integrations, Arc::clone(&store), Arc::clone(&vault))?);
    let builder = builder.shared_store(store).shared_vault(vault).options(options);
    let builder = builder.probe(Arc::clone(&broker) as _).shared_host(broker).source(mailboxes);
    Ok(builder.integrations(integrations.directory.clone()).build()?)
}

/// Makes the API of an engine, with the pages on which integrations are connected and the addresses that mail comes to.
pub(crate) fn make_api(engine: &Engine, integrations: &Integrations, mail: &MailArgs) -> Api {
    let Integrations { catalogue, directory, providers } = integrations.clone();
    let (vault, records) = (Arc::clone(engine.vault()), Arc::clone(engine.store()));
    let guide = guide::guide(&catalogue);
    let connections = Connections::new(catalogue, directory, providers, vault, records);
    let inbound = Arc::new(make_inbound(mail, engine));
    Api::new(engine.clone()).with_connections(connections).with_inbound_mail(inbound).with_guide(guide)
}

/// Refuses to go on where scripts could not be contained by the default executor, the first: there is no silent fall-back to no
/// sandbox. A script that asks for another one is refused when it is deployed, where that one cannot work.
pub(crate) async fn refuse_without_sandbox(executors: &[Arc<dyn Executor>]) -> Result<(), Failure> {
    for (place, executor) in executors.iter().enumerate() {
        let checked = executor.check().await;
        let isolation = executor.isolation();
        match checked {
            Err(error) if place == 0 => return Err(Failure::from(Problem::from(&error))),
            Err(error) => {
                tracing::info!(executor = isolation.executor, reason = error.message(), "not on this machine");
            }
            Ok(()) if isolation.tier == "reduced" => {
                tracing::warn!(executor = isolation.executor, tier = isolation.tier, "runs get a reduced sandbox");
            }
            Ok(()) => tracing::info!(executor = isolation.executor, tier = isolation.tier, "runs are sandboxed"),
        }
    }
    Ok(())
}

/// Makes the one key of a store in memory: no other command can, and it ends with the server.
async fn key_in_memory(data: &DataArgs, store: &Arc<dyn Store>) -> Result<Option<SecretString>, Failure> {
    if data.store != StoreChoice::Memory {
        return Ok(None);
    }
    let owner = OwnerId::new("memory").map_err(|error| Failure::request(error.to_string()))?;
    let (_, secret) = ApiKeys::new(Arc::clone(store) as _).create(NewApiKey::new(owner), Utc::now()).await?;
    Ok(Some(secret))
}

async fn hint_at_keys(store: Arc<dyn Store>, engine: &Engine, data: &DataArgs) {
    if let Ok(false) = ApiKeys::new(store).any(engine.clock().now()).await {
        let command = format!("wren keys create --owner NAME {}", as_options(data));
        tracing::warn!("no API key exists yet: make one with `{command}`");
    }
}

/// The signals that ask a process to end: SIGINT and SIGTERM.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes the signals over: from here on they no longer end the process by themselves.
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| Failure::internal("listening for signals", error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// Takes the signals over.
    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Waits for the next of them.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for the next of them.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }

    /// Asks for a graceful end at the first signal, and ends at once at the second.
    async fn watch(mut self, shutdown: CancellationToken) {
        self.next().await;
        tracing::info!("shutting down: runs in progress may end, a second signal ends at once");
        shutdown.cancel();
        self.next().await;
        write_stderr("ended at once; the runs in progress are taken up after the next start\n");
        std::process::exit(130);
    }
}

/// Starts the log on the standard error.
pub(crate) fn start_log(format: LogFormat, default_filter: &str, output: Output) {
    let filter = EnvFilter::try_from_env("WREN_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = output.error_palette().is_on();
    // A second subscriber in one process is a test's; the first stays.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(colours).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).try_init(),
    };
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
