//! The raw system calls: what happens between fork and exec, and what no safe wrapper offers.
#![allow(unsafe_code, reason = "between fork and exec there are only raw system calls; the rest has no safe form")]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A resource limit, soft and hard alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rlimit {
    pub(crate) resource: libc::__rlimit_resource_t,
    pub(crate) value: u64,
}

/// What a child does to itself before it executes its program. Everything is prepared before the fork: after it, in a process
/// that had other threads, nothing may allocate or lock.
#[derive(Debug, Default)]
pub(crate) struct ChildSetup {
    /// Files that a `0` moves the writer with: `cgroup.procs`.
    pub(crate) cgroups: Vec<OwnedFd>,
    /// Limits for the program.
    pub(crate) rlimits: Vec<Rlimit>,
    /// The user and group to become, without supplementary groups.
    pub(crate) drop_to: Option<u32>,
    /// Whether the kernel ends the program with this process. A launcher that arms this itself MUST NOT have it earlier: ended
    /// between the fork of its guest and the guest's own arming, it would leave that one behind.
    pub(crate) ends_with_parent: bool,
    /// Descriptors that the program inherits besides 0, 1 and 2; all others are closed at exec.
    pub(crate) inherit: Vec<RawFd>,
    /// A Landlock ruleset to enter.
    pub(crate) landlock: Option<OwnedFd>,
    /// Seccomp filters to enter.
    pub(crate) seccomp: Vec<seccompiler::BpfProgram>,
    /// Descriptors that must stay open in the parent until the fork.
    pub(crate) _kept: Vec<OwnedFd>,
}

impl ChildSetup {
    /// Makes `command` run this before exec. The command MUST be spawned by the calling thread's process.
    pub(crate) fn install(self, command: &mut Command) {
        let parent = std::process::id();
        // SAFETY: `enter` makes system calls on memory and descriptors that `self` owns, and nothing else.
        unsafe { command.pre_exec(move || self.enter(parent)) };
    }

    fn enter(&self, parent: u32) -> io::Result<()> {
        // SAFETY: each call gets values, or pointers to memory that outlives it.
        unsafe {
            // Its own session: no terminal to inject input into, and a process group to kill as a whole.
            check(libc::setsid())?;
            for cgroup in &self.cgroups {
                check(libc::write(cgroup.as_raw_fd(), b"0".as_ptr().cast(), 1) as libc::c_int)?;
            }
            for limit in &self.rlimits {
                let value = libc::rlimit { rlim_cur: limit.value, rlim_max: limit.value };
                check(libc::setrlimit(limit.resource, &raw const value))?;
            }
            if let Some(id) = self.drop_to {
                check(libc::setgroups(0, std::ptr::null()))?;
                check(libc::setresgid(id, id, id))?;
                check(libc::setresuid(id, id, id))?;
            }
            // After the change of user, which clears it. A parent that died before this call is noticed by its pid.
            if self.ends_with_parent {
                check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
            }
            if libc::getppid() as u32 != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            check(libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int))?;
            for &descriptor in &self.inherit {
                check(libc::fcntl(descriptor, libc::F_SETFD, 0))?;
            }
            if self.landlock.is_some() || !self.seccomp.is_empty() {
                check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            }
            if let Some(ruleset) = &self.landlock {
                check(libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) as libc::c_int)?;
            }
            for filter in &self.seccomp {
                let program =
                    libc::sock_fprog { len: filter.len() as libc::c_ushort, filter: filter.as_ptr().cast_mut().cast() };
                check(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0))?;
            }
        }
        Ok(())
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Returns a process descriptor that a runtime waits for.
///
/// # Errors
/// What the kernel answers, or that the runtime has no I/O driver.
pub(crate) fn watched(process: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    let handle = pidfd_open(process, PidfdFlags::NONBLOCK)?;
    // SAFETY: an `OwnedFd` always names the same descriptor, and keeps it open until the registration is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }?)
}

/// Returns the version of Landlock that the kernel has; 0 without one.
pub(crate) fn landlock_version() -> i64 {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the call takes no memory and only returns a number.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION) }.max(0)
}

/// Returns a filter as the bytes that the kernel, and bubblewrap's `--add-seccomp-fd`, read.
pub(crate) fn filter_bytes(filter: &[seccompiler::sock_filter]) -> Vec<u8> {
    filter
        .iter()
        .flat_map(|step| {
            let [low, high] = step.code.to_ne_bytes();
            let [a, b, c, d] = step.k.to_ne_bytes();
            [low, high, step.jt, step.jf, a, b, c, d]
        })
        .collect()
}
