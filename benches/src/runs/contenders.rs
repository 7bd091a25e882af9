//! The sides, each of which runs a script in a fresh interpreter.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Invocation, LogSink, OutcomeEnd, Script};
use wren_core::host::{Host, HostRequest, RunContext, RunHost};
use wren_core::model::{LogLine, TriggerKind};
use wren_core::{CorrelationId, DeploymentId, Error, ErrorCode, OwnerId, RunId};

use super::Sample;
use crate::Failure;

/// One side.
#[derive(Debug, Clone)]
pub(crate) enum Contender {
    Bare(Bare),
    Isolated(Isolated),
}

/// `python3` as a shell starts it, without any isolation.
#[derive(Debug, Clone)]
pub(crate) struct Bare {
    python: PathBuf,
}

/// An executor of Wren's.
#[derive(Debug, Clone)]
pub(crate) struct Isolated {
    name: &'static str,
    executor: Arc<dyn Executor>,
    host: Arc<dyn Host>,
    context: Arc<RunContext>,
}

/// A script as a side wants it, prepared outside of what is measured: a deployment is stored once and run often.
#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    File(Arc<tempfile::NamedTempFile>),
    Script(Script),
}

impl Contender {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bare(_) => "python3 -I script.py",
            Self::Isolated(isolated) => isolated.name,
        }
    }

    pub(crate) fn prepare(&self, sample: Sample) -> Result<Prepared, Failure> {
        Ok(match self {
            Self::Bare(_) => {
                let mut file = tempfile::Builder::new().prefix("wren-bench-").suffix(".py").tempfile()?;
                std::io::Write::write_all(&mut file, sample.source.as_bytes())?;
                Prepared::File(Arc::new(file))
            }
            Self::Isolated(_) => Prepared::Script(Script::new(sample.source)),
        })
    }

    /// Runs a script to its end.
    pub(crate) async fn run(&self, script: &Prepared) -> Result<(), Failure> {
        match (self, script) {
            (Self::Bare(bare), Prepared::File(file)) => bare.run(&["-I".as_ref(), file.path().as_os_str()]).await,
            (Self::Isolated(isolated), Prepared::Script(script)) => {
                let (lines, _kept) = mpsc::unbounded_channel();
                isolated.run(script, lines, &CancellationToken::new()).await.map(|_| ())
            }
            _ => Err("a script was prepared for another side".into()),
        }
    }

    /// Starts a script that prints a line and waits, returns once it has printed, and ends it when the guard is dropped.
    pub(crate) async fn hold(&self, script: &Prepared) -> Result<Held, Failure> {
        match (self, script) {
            (Self::Bare(bare), Prepared::File(file)) => {
                let mut child = bare.command(&["-I".as_ref(), file.path().as_os_str()]).spawn()?;
                let output = child.stdout.take().ok_or("the child has no output")?;
                BufReader::new(output).read_line(&mut String::new()).await?;
                Ok(Held::Process(child))
            }
            (Self::Isolated(isolated), Prepared::Script(script)) => {
                let (lines, mut received) = mpsc::unbounded_channel();
                let (isolated, script, cancel) = (isolated.clone(), script.clone(), CancellationToken::new());
                let ending = cancel.clone();
                let task = tokio::spawn(async move { isolated.run(&script, lines, &ending).await });
                received.recv().await.ok_or("the script ended instead of waiting")?;
                Ok(Held::Run(cancel, task))
            }
            _ => Err("a script was prepared for another side".into()),
        }
    }
}

/// A run that waits.
#[derive(Debug)]
pub(crate) enum Held {
    Process(tokio::process::Child),
    Run(CancellationToken, tokio::task::JoinHandle<Result<Value, Failure>>),
}

impl Held {
    /// Ends it, and returns once it is gone.
    pub(crate) async fn end(self) {
        match self {
            Self::Process(mut child) => {
                // It may be gone already.
                let _ = child.kill().await;
            }
            Self::Run(cancel, task) => {
                cancel.cancel();
                let _ = task.await;
            }
        }
    }
}

impl Bare {
    pub(crate) fn new(python: &Path) -> Self {
        Self { python: python.to_owned() }
    }

    fn command(&self, arguments: &[&std::ffi::OsStr]) -> Command {
        let mut command = Command::new(&self.python);
        command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs the interpreter with arguments.
    pub(crate) async fn run(&self, arguments: &[&std::ffi::OsStr]) -> Result<(), Failure> {
        let output = self.command(arguments).output().await?;
        if output.status.success() { Ok(()) } else { Err(format!("python3 ended with {}", output.status).into()) }
    }
}

impl Isolated {
    pub(crate) fn new(name: &'static str, executor: impl Executor) -> Result<Self, Failure> {
        Ok(Self {
            name,
            executor: Arc::new(executor),
            host: Arc::new(NoHost),
            context: Arc::new(RunContext {
                run_id: RunId::new(),
                owner: OwnerId::new("bench")?,
                deployment_id: DeploymentId::new(),
                deployment_name: "bench".to_owned(),
                revision: 1,
                trigger: TriggerKind::Manual,
                trigger_id: None,
                func: "main".to_owned(),
                scheduled_for: chrono::DateTime::UNIX_EPOCH,
                attempt: 1,
                idempotency_key: "bench".to_owned(),
                correlation_id: CorrelationId::new("bench")?,
                timezone: "UTC".to_owned(),
                secrets: wren_core::redact::RunSecrets::default(),
            }),
        })
    }

    /// Runs a script and returns its result.
    pub(crate) async fn run(
        &self,
        script: &Script,
        lines: mpsc::UnboundedSender<LogLine>,
        cancel: &CancellationToken,
    ) -> Result<Value, Failure> {
        let invocation = Invocation::new(script.clone(), Arc::clone(&self.context));
        let host = RunHost::new(Arc::clone(&self.host), Arc::clone(&self.context));
        let outcome = self.executor.run(invocation, host, Arc::new(Lines(lines)), cancel.clone()).await?;
        match outcome.end {
            OutcomeEnd::Success(value) => Ok(value),
            OutcomeEnd::Failed(error) => Err(error.into()),
            end => Err(format!("{}: {end:?}", self.name).into()),
        }
    }
}

/// Takes lines for whoever listens.
#[derive(Debug)]
struct Lines(mpsc::UnboundedSender<LogLine>);

#[async_trait]
impl LogSink for Lines {
    async fn write(&self, lines: Vec<LogLine>) {
        for line in lines {
            // Nobody may be listening.
            let _ = self.0.send(line);
        }
    }
}

/// A platform that offers nothing.
#[derive(Debug)]
struct NoHost;

#[async_trait]
impl Host for NoHost {
    async fn call(&self, _context: &RunContext, request: HostRequest) -> wren_core::Result<Value> {
        Err(Error::new(ErrorCode::InvalidRequest, format!("a benchmark answers no `{}`", request.op)))
    }
}
