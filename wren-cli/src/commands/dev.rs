//! `wren dev`: a server in this process, a script deployed to it anew whenever its file changes, and what its runs print.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{TimeDelta, Utc};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wren_core::keys::{ApiKeys, NewApiKey};
use wren_core::memory::MemoryStore;
use wren_core::store::Store;
use wren_core::{ErrorCode, OwnerId};

use super::local::LocalScript;
use super::log_view::LogView;
use super::watch::{Watch, latest_runs};
use super::{deploy, deployments};
use crate::args::{BrokerArgs, DataArgs, DevArgs, LogFormat, MailArgs};
use crate::backends::{FileKind, Integrations, StoreChoice, make_executors, open_store};
use crate::client::Client;
use crate::config::Connection;
use crate::failure::Failure;
use crate::output::{Output, arrived, diagnostics, write_stderr};
use crate::server;

/// How often the file is looked at, and how often the runs.
const PAUSE: Duration = Duration::from_millis(300);
/// How long the end waits for runs in progress.
const DRAIN: Duration = Duration::from_secs(2);
/// A key that could not be revoked at the end ends by itself.
const KEY_LIFE: TimeDelta = TimeDelta::days(1);

/// Runs a script and follows its file until a signal.
pub(super) async fn dev(args: DevArgs, output: Output) -> Result<(), Failure> {
    // A file that cannot be read at the start is a typing error, later it is an editor at work.
    LocalScript::read(&args.file.file)?;
    let mut signals = server::Signals::listen()?;
    server::start_log(LogFormat::Text, "warn", output);
    let store: Arc<dyn Store> = match &args.data {
        Some(folder) => {
            open_store(&DataArgs { data: folder.clone(), store: StoreChoice::File(FileKind::Sqlite, None) }).await?
        }
        None => Arc::new(MemoryStore::new()),
    };
    let listening = |error| Failure::internal("listening on the loopback", error);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(listening)?;
    let url = format!("http://{}", listener.local_addr().map_err(listening)?);
    let (broker, mail) = (BrokerArgs::default(), MailArgs::default());
    let integrations = Integrations::read(&broker, None, &url)?;
    let vault = Arc::new(server::memory_vault(&integrations));
    let executors = make_executors(args.executor, None);
    // The other one is looked at when a script asks for it.
    server::refuse_without_sandbox(&executors[..1]).await?;
    let parts = server::Parts { store: Arc::clone(&store), vault, executors, spans: None };
    let engine = server::build_engine(parts, &broker, &mail, &integrations, |options| {
        options.drain_ms = u64::try_from(DRAIN.as_millis()).unwrap_or(u64::MAX);
    })?;

    let keys = ApiKeys::new(store);
    let owner = OwnerId::new("dev").map_err(|error| Failure::request(error.to_string()))?;
    let new = NewApiKey::new(owner.clone()).with_expiry(Utc::now() + KEY_LIFE);
    let (key, secret) = keys.create(new, Utc::now()).await?;
    output.line(format_args!("Serving {} at {url}, ends with Ctrl-C", args.file.file.display()));
    output.document(&json!({"event": "serving", "url": url}));
    let client = Client::new(Connection { url, api_key: Some(secret) }, output)?;

    let shutdown = CancellationToken::new();
    let api = server::make_api(&engine, &integrations, &mail);
    let served = tokio::spawn(server::run(engine, api, listener, DRAIN, shutdown.clone()));
    let session = Session::new(args.file.file, LogView::new(output, args.raw), client, output);
    let ended = tokio::select! {
        ended = session.go_on() => ended,
        () = signals.next() => Ok(()),
    };
    shutdown.cancel();
    let served = served.await.unwrap_or_else(|error| Err(Failure::internal("serving", error)));
    keys.revoke(&owner, key.id, Utc::now()).await?;
    ended.and(served)
}

/// The script as it is being written.
struct Session {
    file: PathBuf,
    /// What the file was when it was last looked at: cheap to see, so that it is read only when it may have changed.
    stamp: Option<(SystemTime, u64)>,
    /// What was deployed, or tried to be, last.
    bytes: Option<Vec<u8>>,
    watch: Option<Watch>,
    view: LogView,
    client: Client,
    output: Output,
}

impl Session {
    fn new(file: PathBuf, view: LogView, client: Client, output: Output) -> Self {
        Self { file, stamp: None, bytes: None, watch: None, view, client, output }
    }

    async fn go_on(mut self) -> Result<(), Failure> {
        self.watch = self.session_before().await?;
        loop {
            if let Some(script) = self.changed() {
                self.deploy(script).await?;
            }
            if let Some(watch) = &mut self.watch {
                watch.step(&mut self.view, &self.client).await?;
            }
            arrived()?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns a watch of what a data folder has of the script already, which passes over what earlier sessions printed.
    async fn session_before(&self) -> Result<Option<Watch>, Failure> {
        let id = match deployments::find(&deploy::name_of(&self.file), &self.client).await {
            Ok(id) => id,
            Err(failure) if failure.problem.code == ErrorCode::NotFound.as_str() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let latest = latest_runs(&id, &self.client).await?;
        let mut watch = Watch::new(id);
        watch.skip(&latest, &self.client).await?;
        Ok(Some(watch))
    }

    /// Returns the script when its content differs from the last one.
    fn changed(&mut self) -> Option<LocalScript> {
        let metadata = std::fs::metadata(&self.file).ok()?;
        let stamp = (metadata.modified().ok()?, metadata.len());
        if self.stamp == Some(stamp) {
            return None;
        }
        let script = LocalScript::read(&self.file).ok()?;
        self.stamp = Some(stamp);
        // An editor that saves without a change is no reason to deploy.
        if self.bytes.as_ref() == Some(&script.bytes) {
            return None;
        }
        self.bytes = Some(script.bytes.clone());
        Some(script)
    }

    /// Deploys a script; one that is refused is shown, and the revision before goes on.
    async fn deploy(&mut self, script: LocalScript) -> Result<(), Failure> {
        match deploy::send(&script, deploy::name_of(&self.file), &self.client).await {
            Ok(answer) => {
                let reply = deploy::show(&answer, self.output)?;
                self.output.document(&json!({"event": "deployed", "deployment": answer}));
                self.watch.get_or_insert_with(|| Watch::new(reply.deployment_id));
            }
            // Nobody but this process can end its server: what is unreachable is broken.
            Err(failure) if failure.problem.exit_code() == 4 => return Err(failure),
            Err(failure) => {
                if !self.output.is_json() {
                    write_stderr(&diagnostics::report(&failure, self.output.error_palette()));
                }
                let goes_on = if self.watch.is_some() { ", the revision before goes on" } else { "" };
                self.output.failed(format_args!("Not deployed{goes_on}"));
                self.output.document(&json!({"event": "deploy_failed", "error": failure.problem}));
            }
        }
        Ok(())
    }
}
