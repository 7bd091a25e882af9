//! A started guest: how to wait for it and how to end all of it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open, pidfd_send_signal, prlimit};
use rustix::system::uname;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

use super::cgroup::RunCgroup;
use super::raw;
use super::remains::Remains;
use super::scratch::Scratch;
use super::spawner::Spawner;
use crate::session::{Exit, GuestProcess};

/// How long a killed sandbox may take to vanish before the launcher in front of it is killed, too, and how long that one may
/// take before the remains are left to the reaper.
const VANISH: Duration = Duration::from_secs(1);
/// How often a launcher that is killed is looked at for the guest that it is about to start.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How often, a millisecond apart, a control group is tried to be removed before that is left to the reaper.
const REMOVALS: u32 = 200;

/// How long a launcher may take to start the guest, before nobody bounds its processes.
const STARTS_WITHIN_MS: u32 = 2_000;
/// Processes that a user may have in all, where the kernel cannot count those of a namespace.
const PIDS_ON_OLD_KERNELS: u64 = 4096;

/// A guest in its sandbox.
#[derive(Debug)]
pub(crate) struct SandboxProcess {
    handle: AsyncFd<OwnedFd>,
    pid: Pid,
    nested: bool,
    out_of_memory: bool,
    exit: Option<Exit>,
    // Taken only on drop.
    remains: Option<Remains>,
}

impl SandboxProcess {
    /// Wraps a started child. `nested` says that it is a launcher whose one child is the guest, the first of its own PID
    /// namespace; else it is the guest itself.
    pub(crate) fn new(
        child: Child,
        nested: bool,
        cgroup: RunCgroup,
        scratch: Option<Scratch>,
        spawner: Spawner,
    ) -> std::io::Result<Self> {
        let pid = Pid::from_child(&child);
        let remains = Remains { child, nested, ended: false, cgroup, scratch, since: Instant::now(), spawner };
        match raw::watched(pid) {
            Ok(handle) => Ok(Self { handle, pid, nested, out_of_memory: false, exit: None, remains: Some(remains) }),
            Err(error) => {
                remains.spawner.clone().reap(remains);
                Err(error)
            }
        }
    }

    /// Bounds the processes and threads of a nested guest where no control group does. Set from the outside and after the user
    /// namespace was made, the limit counts those in it; set before, it would count all of the user's on the machine. The
    /// guest has no job yet, so nothing runs before this.
    pub(crate) async fn limit_pids(&self, pids: u64) {
        let pids = if counts_by_namespace() { pids } else { pids.max(PIDS_ON_OLD_KERNELS) };
        let limit = Rlimit { current: Some(pids), maximum: Some(pids) };
        for _ in 0..STARTS_WITHIN_MS {
            if let Some(guest) = child_of(self.pid) {
                if let Err(error) = prlimit(Some(guest), Resource::Nproc, limit) {
                    tracing::warn!(%error, "the processes of a run could not be limited");
                }
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
        // A launcher that starts nothing fails by itself, and says why.
    }

    /// Waits for the child, which ends after everything in its PID namespace has.
    async fn reaped(&mut self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        // A process descriptor becomes readable when the process has ended, and stays so.
        let _ = self.handle.readable().await;
        let Some(remains) = &mut self.remains else { return Exit::Unknown };
        let status = remains.child.wait().ok();
        remains.ended = true;
        // Only a group without processes can be removed, so this is also the proof that nothing is left.
        for _ in 0..REMOVALS {
            self.out_of_memory |= remains.cgroup.ran_out_of_memory();
            if remains.cgroup.remove() {
                remains.scratch = None;
                break;
            }
            remains.cgroup.kill();
            sleep(Duration::from_millis(1)).await;
        }
        let exit = if self.out_of_memory { Exit::OutOfMemory } else { exit_of(status, self.nested) };
        self.exit = Some(exit);
        exit
    }

    fn signal(&self) {
        if let Some(remains) = &self.remains {
            remains.signal();
        }
    }
}

#[async_trait]
impl GuestProcess for SandboxProcess {
    async fn wait(&mut self) -> Exit {
        self.reaped().await
    }

    async fn kill(&mut self) -> Exit {
        if self.exit.is_none() {
            let vanished = timeout(VANISH, async {
                loop {
                    // A launcher may only be about to start its guest, so this looks for that one until all is gone.
                    self.signal();
                    if timeout(LOOK_AGAIN, self.reaped()).await.is_ok() {
                        return;
                    }
                }
            });
            if vanished.await.is_err() {
                let _ = pidfd_send_signal(self.handle.get_ref(), Signal::KILL);
                let _ = timeout(VANISH, self.reaped()).await;
            }
        }
        // What does not end at a SIGKILL hangs in the kernel: the reaper gets it with the drop.
        self.exit.unwrap_or(Exit::Unknown)
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        let Some(mut remains) = self.remains.take() else { return };
        if remains.ended && remains.cgroup.remove() {
            return;
        }
        remains.signal();
        remains.since = Instant::now();
        remains.spawner.clone().reap(remains);
    }
}

/// Returns the one child of a launcher.
fn child_of(launcher: Pid) -> Option<Pid> {
    let launcher = launcher.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{launcher}/task/{launcher}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

/// Returns a handle of the one child of a launcher.
pub(crate) fn guest_of(launcher: Pid) -> Option<OwnedFd> {
    let pid = child_of(launcher)?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Still its child after the handle was opened: the number was not another's meanwhile.
    (child_of(launcher) == Some(pid)).then_some(handle)
}

/// Says whether the kernel counts processes for each user namespace: Linux 5.14 and newer.
fn counts_by_namespace() -> bool {
    let system = uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(14))
}

/// Says how a child ended. A launcher reports the guest's end by signal as a status of 128 plus the signal, as shells do.
fn exit_of(status: Option<ExitStatus>, nested: bool) -> Exit {
    let Some(status) = status else { return Exit::Unknown };
    match (status.code(), status.signal()) {
        (Some(code), _) if nested && (129..=192).contains(&code) => Exit::Signal(code - 128),
        (Some(code), _) => Exit::Status(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}
