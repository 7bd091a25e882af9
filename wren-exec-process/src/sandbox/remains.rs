//! What is left to end and tidy up of a run that nobody waits for any more.

use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, pidfd_send_signal};

use super::cgroup::RunCgroup;
use super::process::guest_of;
use super::scratch::Scratch;
use super::spawner::Spawner;

/// How long a launcher is left to end by itself after its guest.
const LAUNCHER_ENDS_WITHIN: Duration = Duration::from_secs(1);
/// How long remains are tried to be tidied up; the next start of an executor finds what is left then.
const REAP_WITHIN: Duration = Duration::from_secs(60);
/// Time between two tries, at first and later.
const POLL: Duration = Duration::from_millis(5);
const POLL_OLD: Duration = Duration::from_millis(100);

/// A run's process, control group and files.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) child: Child,
    /// Whether the child is a launcher whose one child is the guest.
    pub(crate) nested: bool,
    /// Whether the child was waited for, so that its number may be another's.
    pub(crate) ended: bool,
    pub(crate) cgroup: RunCgroup,
    pub(crate) scratch: Option<Scratch>,
    /// When nobody wanted them any more.
    pub(crate) since: Instant,
    // The forking thread must outlive what it forked.
    pub(crate) spawner: Spawner,
}

impl Remains {
    /// Sends SIGKILL to the guest, and in front of it to nothing: the kernel ends a PID namespace with its first process, and
    /// the launcher then ends after it has reaped that one, so that its end proves that all is gone. A launcher without a
    /// guest is left alone: it may have forked one that waits for it without end.
    pub(crate) fn signal(&self) {
        if self.ended {
            return;
        }
        let pid = Pid::from_child(&self.child);
        if self.nested {
            if let Some(guest) = guest_of(pid) {
                let _ = pidfd_send_signal(guest, Signal::KILL);
            }
        } else {
            // Its children cannot leave its process group: the filter forbids it to have any, and the group to be left.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// Takes one step, and says whether it was the last.
    fn tidy(&mut self) -> bool {
        if !self.ended {
            self.signal();
            if self.since.elapsed() > LAUNCHER_ENDS_WITHIN {
                let _ = self.child.kill();
            }
            self.ended = !matches!(self.child.try_wait(), Ok(None));
        }
        self.cgroup.kill();
        self.ended && self.cgroup.remove()
    }
}

/// Tidies up whatever arrives, until nobody can send more. One that hangs holds up no other.
pub(crate) fn reap(arriving: &Receiver<Remains>) {
    let mut all: Vec<Remains> = Vec::new();
    loop {
        let is_recent = all.iter().any(|remains| remains.since.elapsed() < LAUNCHER_ENDS_WITHIN);
        let next = match all.len() {
            0 => arriving.recv().map_err(|_| RecvTimeoutError::Disconnected),
            _ => arriving.recv_timeout(if is_recent { POLL } else { POLL_OLD }),
        };
        match next {
            Ok(remains) => all.push(remains),
            Err(RecvTimeoutError::Timeout) => {}
            // Remains hold a sender, so there are none.
            Err(RecvTimeoutError::Disconnected) => return,
        }
        all.retain_mut(|remains| {
            let is_tidy = remains.tidy();
            let is_too_old = remains.since.elapsed() > REAP_WITHIN;
            if !is_tidy && is_too_old {
                tracing::warn!(pid = remains.child.id(), "a run could not be ended and tidied up");
            }
            !is_tidy && !is_too_old
        });
    }
}
