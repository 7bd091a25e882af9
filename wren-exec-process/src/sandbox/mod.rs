//! Starts guests in a sandbox: finds which tier works on this machine, and prepares what all runs share.

mod bubblewrap;
mod cgroup;
mod files;
mod lockdir;
mod process;
mod raw;
mod reduced;
mod remains;
mod scratch;
mod seccomp;
mod spawner;
mod user;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use wren_core::executor::Limits;

use self::bubblewrap::Bubblewrap;
use self::cgroup::Cgroups;
use self::files::Files;
use self::process::SandboxProcess;
use self::raw::Rlimit;
use self::reduced::Reduced;
use self::scratch::Scratch;
use self::spawner::Spawner;
use self::user::GuestUsers;
use crate::options::{ProcessOptions, TierPreference};
use crate::python::Python;
use crate::session::{Guest, Session};

/// The user that guests are to themselves; on the host, too, when this process is root's and may use no others.
const NOBODY: u32 = 65534;
/// Threads that a user may have in all, where neither a control group nor a user namespace counts those of a run: the kernel
/// then counts all of the user's, so this bounds the harm that a run can do, not the run.
const THREADS_OF_USER: u64 = 4096;
/// Address space for the interpreter and its libraries, which is no memory of the script's.
const LIBRARIES_BYTES: u64 = 32 * 1024 * 1024;
/// Descriptors that a process may have open.
const OPEN_FILES: u64 = 1024;
/// How long a sandbox may take to show that it works.
const PROBE_MS: u64 = 20_000;

/// What one run needs of its sandbox.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) memory_bytes: u64,
    pub(crate) timeout_ms: u64,
}

/// What a tier turns into a command.
#[derive(Debug)]
struct Start {
    cgroups: Vec<OwnedFd>,
    rlimits: Vec<Rlimit>,
    /// The user and group of the host that the guest, and what launches it, runs as.
    drop_to: Option<u32>,
}

/// The guest's ends of its channel and its pipes.
#[derive(Debug)]
struct Pipes {
    channel: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

#[derive(Debug)]
enum Tier {
    Bubblewrap(Bubblewrap),
    Reduced(Reduced),
}

/// A sandbox that works on this machine.
#[derive(Debug)]
pub(crate) struct Sandbox {
    tier: Tier,
    files: Files,
    cgroups: Cgroups,
    spawner: Spawner,
    scratch_bytes: u64,
    pids: u64,
    /// The users of runs, when they are not this process's own.
    users: Option<GuestUsers>,
}

impl Sandbox {
    /// Finds the best tier that works, by really starting a guest in it.
    ///
    /// # Errors
    /// Says for every tier why it does not work.
    pub(crate) async fn find(options: &ProcessOptions, python: &Python) -> Result<Self, String> {
        let parent = options.state_dir.clone().unwrap_or_else(std::env::temp_dir);
        let root = rustix::process::geteuid().is_root();
        let mut attempts: Vec<(bool, bool)> = Vec::new();
        if options.tier != TierPreference::Reduced {
            if root {
                attempts.push((true, true));
            }
            // As root when others may not read the interpreter: the user namespace then maps root to nobody.
            attempts.push((true, false));
        }
        if options.tier != TierPreference::Bubblewrap {
            attempts.push((false, root));
        }
        let mut sandbox_parts = Some((
            Files::write(&parent, &python.executable)
                .map_err(|error| format!("{} cannot be written ({error})", parent.display()))?,
            Cgroups::find(options.cgroup.as_deref()),
            Spawner::start().map_err(|error| format!("no thread could be started ({error})"))?,
        ));
        let mut failures: Vec<String> = Vec::new();
        for (is_bubblewrap, drops) in attempts {
            let Some((files, cgroups, spawner)) = sandbox_parts.take() else { break };
            let tier = if is_bubblewrap {
                Bubblewrap::new(options, python, &files, cgroups.limits_memory()).map(Tier::Bubblewrap)
            } else {
                Reduced::new(python, &files).map(Tier::Reduced)
            };
            let name = if is_bubblewrap { "bubblewrap" } else { "reduced" };
            match tier {
                Ok(tier) => {
                    let (scratch_bytes, pids) = (options.scratch_bytes, options.pids);
                    let users = drops.then(GuestUsers::find);
                    let sandbox = Self { tier, files, cgroups, spawner, scratch_bytes, pids, users };
                    match sandbox.probe().await {
                        Ok(()) => {
                            if is_bubblewrap && !sandbox.cgroups.limits_memory() {
                                tracing::warn!(
                                    "no control group limits memory: each process of a run has the limit for itself"
                                );
                            }
                            return Ok(sandbox);
                        }
                        Err(why) => failures.push(format!("{name}: {why}")),
                    }
                    sandbox_parts = Some((sandbox.files, sandbox.cgroups, sandbox.spawner));
                }
                Err(why) => {
                    failures.push(format!("{name}: {why}"));
                    sandbox_parts = Some((files, cgroups, spawner));
                }
            }
        }
        failures.dedup();
        Err(failures.join("; "))
    }

    async fn probe(&self) -> Result<(), String> {
        let limits = Limits { timeout_ms: PROBE_MS, ..Limits::default() };
        let need = Need { memory_bytes: limits.memory_bytes, timeout_ms: PROBE_MS };
        let guest = self.start(need).await.map_err(|error| error.to_string())?;
        Session::new().probe(guest, &limits).await
    }

    /// Returns the tier's name.
    pub(crate) fn tier(&self) -> &'static str {
        match self.tier {
            Tier::Bubblewrap(_) if self.cgroups.limits_memory() => "bubblewrap",
            // What is recorded with a run says that its memory was limited for each process, not in all.
            Tier::Bubblewrap(_) => "bubblewrap (no cgroup)",
            Tier::Reduced(_) => "reduced",
        }
    }

    /// Starts a guest.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) async fn start(&self, need: Need) -> io::Result<Guest> {
        let (channel, guest_channel) = StdUnixStream::pair()?;
        let (stdout, guest_stdout) = io::pipe()?;
        let (stderr, guest_stderr) = io::pipe()?;
        let pipes = Pipes { channel: guest_channel.into(), stdout: guest_stdout.into(), stderr: guest_stderr.into() };
        channel.set_nonblocking(true)?;

        let cgroup = self.cgroups.create(need.memory_bytes, self.pids)?;
        let drop_to = self.users.as_ref().map(GuestUsers::next);
        let (cgroups, rlimits) = (cgroup.entrances()?, self.rlimits(&need));
        let start = Start { cgroups, rlimits, drop_to };
        let (mut command, nested, scratch) = match &self.tier {
            Tier::Bubblewrap(bubblewrap) => (bubblewrap.command(start, pipes)?, true, None),
            Tier::Reduced(reduced) => {
                let scratch = Scratch::create(&self.files.scratch(), drop_to)?;
                (reduced.command(start, &scratch, pipes)?, false, Some(scratch))
            }
        };
        let child = self.spawner.spawn(move || command.spawn()).await?;
        let process = SandboxProcess::new(child, nested, cgroup, scratch, self.spawner.clone())?;
        if nested && !self.cgroups.limits_pids() {
            process.limit_pids(self.pids).await;
        }
        Ok(Guest {
            process: Box::new(process),
            channel: Box::new(UnixStream::from_std(channel)?),
            stdout: Box::new(pipe::Receiver::from_owned_fd(stdout.into())?),
            stderr: Box::new(pipe::Receiver::from_owned_fd(stderr.into())?),
        })
    }

    fn rlimits(&self, need: &Need) -> Vec<Rlimit> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        // A backstop for a guest that nobody watches any more; every thread may use its core until the timeout.
        let cpu_seconds = (Duration::from_millis(need.timeout_ms).as_secs() + 10).saturating_mul(cores);
        let mut limits = vec![
            Rlimit { resource: libc::RLIMIT_CORE, value: 0 },
            Rlimit { resource: libc::RLIMIT_CPU, value: cpu_seconds },
            Rlimit { resource: libc::RLIMIT_FSIZE, value: self.scratch_bytes },
            Rlimit { resource: libc::RLIMIT_NOFILE, value: OPEN_FILES },
            Rlimit { resource: libc::RLIMIT_MSGQUEUE, value: 0 },
        ];
        if !self.cgroups.limits_memory() {
            limits.push(Rlimit { resource: libc::RLIMIT_DATA, value: need.memory_bytes });
            // Shared memory is no data; it is still in the address space.
            limits.push(Rlimit { resource: libc::RLIMIT_AS, value: need.memory_bytes.saturating_add(LIBRARIES_BYTES) });
        }
        if !self.cgroups.limits_pids() && matches!(self.tier, Tier::Reduced(_)) {
            limits.push(Rlimit { resource: libc::RLIMIT_NPROC, value: THREADS_OF_USER });
        }
        limits
    }
}
