//! An executor as a third party would write it: a launcher of its own, the guest protocol from `wren-exec-process`.
//!
//! It starts the sandbox by an ordinary command line, so it can be read in one go and adapted to `docker run`, `systemd-run` or
//! `ssh`. What it leaves to Wren's own process executor: control groups, system call filters, the reduced tier, and killing a
//! sandbox in the very microseconds in which it starts, which here may leave an idle process without a script.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script};
use wren_core::host::RunHost;
use wren_core::model::Isolation;
use wren_core::{Error, ErrorCode, Result};
use wren_exec_process::session::{Exit, Guest, GuestProcess, Session};

/// The command that every run begins with: new namespaces, a read-only system, an empty `/tmp`.
const SANDBOX: &[&str] = &[
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--as-pid-1",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--setenv",
    "PATH",
    "/usr/bin:/bin",
    "--setenv",
    "LANG",
    "C.UTF-8",
    "--uid",
    "65534",
    "--gid",
    "65534",
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/usr",
    "/usr",
    "--ro-bind-try",
    "/lib",
    "/lib",
    "--ro-bind-try",
    "/lib64",
    "/lib64",
    "--ro-bind-try",
    "/bin",
    "/bin",
    "--proc",
    "/proc",
    // When root starts bubblewrap, the kernel's settings could be written without this.
    "--ro-bind",
    "/proc/sys",
    "/proc/sys",
    "--dev",
    "/dev",
    "--size",
    "33554432",
    "--tmpfs",
    "/tmp",
    "--chdir",
    "/tmp",
];

/// The channel arrives as standard input, which needs no code between fork and exec; the shell moves it out of the way.
const START: &str =
    r#"exec 3<&0 </dev/null; exec prlimit --core=0 --nproc=128 --as="$1" /usr/bin/python3 -I -S -B "$2" 3"#;

/// Where the launcher itself looks for its commands.
const SEARCH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Address space that the interpreter itself takes, in bytes.
const INTERPRETER: u64 = 64 * 1024 * 1024;

/// Runs each script in a sandbox that a command line starts.
#[derive(Debug)]
pub struct LauncherExecutor {
    sdk: TempDir,
    entry: PathBuf,
}

impl LauncherExecutor {
    /// Unpacks the SDK's files for the runs to come.
    ///
    /// # Errors
    /// `EXECUTOR_UNAVAILABLE` when they cannot be written.
    pub fn new() -> Result<Self> {
        let unavailable = |error| unavailable("the SDK's files cannot be written").with_source(error);
        let sdk = tempfile::tempdir().map_err(unavailable)?;
        let entry = wren_sdk::write_to(sdk.path()).map_err(unavailable)?;
        Ok(Self { sdk, entry })
    }

    fn launch(&self, script: &Script, limits: &Limits) -> std::io::Result<Guest> {
        // A script may ask for less than it is allowed.
        let memory = script.settings.memory_bytes.map_or(limits.memory_bytes, |less| less.min(limits.memory_bytes));
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = theirs.into_std()?;
        theirs.set_nonblocking(false)?;
        let mut child = Command::new("bwrap")
            // Emptied before the sandbox starts: its own environment can be read from within.
            .env_clear()
            .env("PATH", SEARCH)
            .args(SANDBOX)
            .arg("--ro-bind")
            .arg(self.sdk.path())
            .arg("/wren")
            .args(["/bin/sh", "-c", START, "sh"])
            .arg((memory + INTERPRETER).to_string())
            .arg(PathBuf::from("/wren").join(self.entry.strip_prefix(self.sdk.path()).unwrap_or(&self.entry)))
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let gone = || std::io::Error::other("a pipe is missing");
        let stdout = child.stdout.take().ok_or_else(gone)?;
        let stderr = child.stderr.take().ok_or_else(gone)?;
        Ok(Guest {
            process: Box::new(Sandbox(child)),
            channel: Box::new(ours),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
        })
    }
}

/// A started sandbox. Its first process takes all others with it when it dies.
#[derive(Debug)]
struct Sandbox(Child);

#[async_trait]
impl GuestProcess for Sandbox {
    async fn wait(&mut self) -> Exit {
        self.0.wait().await.map_or(Exit::Unknown, exit)
    }

    async fn kill(&mut self) -> Exit {
        let _ = self.0.start_kill();
        self.wait().await
    }
}

fn exit(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        // A shell, and bubblewrap, report a child's signal as 128 and its number.
        (Some(code @ 129..=192), _) => Exit::Signal(code - 128),
        (Some(code), _) => Exit::Status(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}

fn unavailable(message: &str) -> Error {
    Error::new(ErrorCode::ExecutorUnavailable, message)
}

#[async_trait]
impl Executor for LauncherExecutor {
    fn name(&self) -> &str {
        "launcher"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "launcher".into(), tier: "bubblewrap-command".into() }
    }

    async fn check(&self) -> Result<()> {
        let probe = Command::new("bwrap")
            .env_clear()
            .env("PATH", SEARCH)
            .args(SANDBOX)
            .args(["/bin/sh", "-c", "command -v prlimit && exec /usr/bin/python3 -I -S -c pass"])
            .stdin(Stdio::null())
            .output()
            .await;
        match probe {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(unavailable("bubblewrap cannot start Python here").with_hint(said))
            }
            Err(error) => Err(unavailable("`bwrap` cannot be started")
                .with_hint("apt-get install bubblewrap python3 util-linux")
                .with_source(error)),
        }
    }

    async fn inspect(&self, script: &Script, limits: &Limits) -> Result<Inspection> {
        let session = Session::new();
        let guest = self.launch(script, limits).map_err(|error| unavailable("no sandbox").with_source(error))?;
        Ok(session.inspect(guest, script, limits).await)
    }

    async fn run(
        &self,
        invocation: Invocation,
        host: RunHost,
        logs: Arc<dyn LogSink>,
        cancel: CancellationToken,
    ) -> Result<Outcome> {
        // Nothing of a run that nobody wants is started: what a dying sandbox says would stand in its log.
        if cancel.is_cancelled() {
            return Ok(Outcome { end: OutcomeEnd::Cancelled, isolation: self.isolation() });
        }
        let session = Session::new();
        let guest = self
            .launch(&invocation.script, &invocation.limits)
            .map_err(|error| unavailable("no sandbox").with_source(error))?;
        let end = session.run(guest, &invocation, &host, logs, &cancel).await;
        Ok(Outcome { end, isolation: self.isolation() })
    }
}
