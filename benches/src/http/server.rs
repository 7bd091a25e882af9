//! A real `wren serve` on a data folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Failure;

/// How long the server may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whose everything is.
const OWNER: &str = "bench";
/// What would change the server's settings from the outside.
const VARIABLES: [&str; 7] =
    ["WREN_DATA", "WREN_STORE", "WREN_VAULT", "WREN_URL", "WREN_API_KEY", "WREN_CONFIG", "WREN_RATE_LIMIT"];

/// What a server is started with.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) wren: PathBuf,
    pub(super) store: String,
    pub(super) executor: String,
    pub(super) concurrency: usize,
    pub(super) rate_limit: String,
    /// How many keys are made.
    pub(super) keys: usize,
}

/// A server. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    folder: TempDir,
    /// Where it listens, as `127.0.0.1:40000`.
    pub(super) address: String,
    /// Its keys, of one owner and with every scope.
    pub(super) keys: Vec<String>,
    pub(super) pid: u32,
}

impl Server {
    pub(super) async fn start(settings: &Settings) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let mut keys = Vec::new();
        // Before the server has the store: a file of redb is open in one process at a time.
        for _ in 0..settings.keys {
            keys.push(make_key(settings, folder.path()).await?);
        }
        let mut command = command(settings, folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--executor", &settings.executor]);
        command.args(["--concurrency", &settings.concurrency.to_string(), "--rate-limit", &settings.rate_limit]);
        command.stdout(Stdio::piped()).stderr(File::create(log(folder.path()))?).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(printed) = child.stdout.take() {
            timeout(PATIENCE, BufReader::new(printed).read_line(&mut line)).await??;
        }
        let address = line.trim_end().strip_prefix("listening on http://").map(str::to_owned);
        match (address, child.id()) {
            (Some(address), Some(pid)) => Ok(Self { child, folder, address, keys, pid }),
            _ => Err(format!("the server did not start:\n{}", tail(folder.path())).into()),
        }
    }

    /// Asks the server to end, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or("the server has no process id")?;
        kill_process(pid, Signal::TERM)?;
        let ended = timeout(PATIENCE, self.child.wait()).await.map_err(|_| "the server did not end")??;
        if ended.success() {
            return Ok(());
        }
        Err(format!("the server ended with {ended}:\n{}", self.log_tail()).into())
    }

    /// Returns the last lines of the server's log.
    pub(super) fn log_tail(&self) -> String {
        tail(self.folder.path())
    }
}

async fn make_key(settings: &Settings, folder: &Path) -> Result<String, Failure> {
    let output = command(settings, folder).args(["keys", "create", "--owner", OWNER, "--json"]).output().await?;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let key = document["key"].as_str().map(str::to_owned);
    key.ok_or_else(|| format!("no key could be made: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn command(settings: &Settings, folder: &Path) -> Command {
    let mut command = Command::new(&settings.wren);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("HOME", folder).env("WREN_DATA", folder.join("data")).env("WREN_STORE", &settings.store);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn log(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

fn tail(folder: &Path) -> String {
    let text = std::fs::read_to_string(log(folder)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
