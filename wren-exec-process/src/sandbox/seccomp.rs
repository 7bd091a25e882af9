//! The system calls that a script has no use for and an attacker has.
//!
//! A deny-list: what Python's C extensions call differs between versions and architectures, and the namespaces, not the
//! filter, are the boundary. It closes what reaches much of the kernel (io_uring, bpf, user namespaces), what reaches other
//! processes, and every kind of socket but local ones.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that programs probe for and do without when the kernel has none.
const ABSENT: &[i64] = &[
    // Its flags lie in memory, where no filter can look; the C library falls back to `clone`.
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_secret,
];

/// Calls that no script needs.
const FORBIDDEN: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_set_mempolicy,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// The same, where only this architecture has them.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[i64] =
    &[libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_modify_ldt, libc::SYS_sysfs, libc::SYS_uselib, libc::SYS_ustat];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[i64] = &[];

/// Ways to other processes, which the reduced tier closes because no PID namespace does.
const FORBIDDEN_REDUCED: &[i64] = &[
    // Landlock knows neither file modes nor owners, nor sockets that have a path.
    libc::SYS_connect,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_kill,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_msgget,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_removexattr,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_semget,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_setxattr,
    libc::SYS_shmget,
    libc::SYS_socket,
    libc::SYS_tkill,
    libc::SYS_utimensat,
    // `fchmodat2`, which the C library's bindings do not name yet; the same number everywhere.
    452,
];

/// The older forms of some of these, and of `clone`, where this architecture has them.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_REDUCED_HERE: &[i64] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_fork,
    libc::SYS_futimesat,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_REDUCED_HERE: &[i64] = &[];

/// Memory that belongs to no process, which only a control group counts.
const FORBIDDEN_UNCOUNTED: &[i64] = &[libc::SYS_msgget, libc::SYS_semget, libc::SYS_shmget];

/// Calls that may be about the caller, which is 0, but about no other process; with the number of that argument.
const ABOUT_ITSELF: &[(i64, u8)] = &[
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_prlimit64, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_setpriority, 1),
];

const CLONE_NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// `TIOCLINUX` and `TIOCSTI` put input into a terminal's queue.
const TERMINAL_INJECTION: [u64; 2] = [0x541C, 0x5412];

/// Returns the filters of the bubblewrap tier. `memory_is_counted` says whether memory outside of processes counts against the
/// run; else there is none but that of its sized file systems.
///
/// # Errors
/// Says what is wrong where this architecture has no filters.
pub(crate) fn bubblewrap(memory_is_counted: bool) -> Result<Vec<BpfProgram>, String> {
    let mut forbidden = common().map_err(|error| error.to_string())?;
    forbidden.extend(FORBIDDEN.iter().chain(FORBIDDEN_HERE).map(|&call| (call, Vec::new())));
    let mut absent = absent();
    if !memory_is_counted {
        forbidden.extend(FORBIDDEN_UNCOUNTED.iter().map(|&call| (call, Vec::new())));
        absent.insert(libc::SYS_memfd_create, Vec::new());
    }
    Ok(vec![compile(forbidden, libc::EPERM)?, compile(absent, libc::ENOSYS)?])
}

/// Returns the filters of the reduced tier, in which a script is one process and stays it: what cannot fork leaves nothing
/// behind, and without files in memory, which no limit of a process counts. `scoped_signals` says whether Landlock keeps signals within the sandbox.
///
/// # Errors
/// Says what is wrong where this architecture has no filters.
pub(crate) fn reduced(scoped_signals: bool) -> Result<Vec<BpfProgram>, String> {
    let mut forbidden = common().and_then(alone).map_err(|error| error.to_string())?;
    let calls = FORBIDDEN.iter().chain(FORBIDDEN_HERE).chain(FORBIDDEN_REDUCED).chain(FORBIDDEN_REDUCED_HERE);
    forbidden.extend(calls.map(|&call| (call, Vec::new())));
    if !scoped_signals {
        forbidden.insert(libc::SYS_tgkill, Vec::new());
    }
    let mut absent = absent();
    absent.insert(libc::SYS_memfd_create, Vec::new());
    Ok(vec![compile(forbidden, libc::EPERM)?, compile(absent, libc::ENOSYS)?])
}

/// Adds what keeps a process alone: threads but no children, and no way to outlive its parent.
fn alone(mut rules: Rules) -> seccompiler::Result<Rules> {
    let thread = u64::from(libc::CLONE_THREAD as u32);
    let no_thread = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(thread), 0)?;
    rules.entry(libc::SYS_clone).or_default().push(SeccompRule::new(vec![no_thread])?);
    // A stream pair is connected for good; a datagram one could send to any socket that has a path.
    let mut pairs = rules.remove(&libc::SYS_socketpair).unwrap_or_default();
    for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
        let kind = u64::from(kind.unsigned_abs());
        let is = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(0xf), kind)?;
        pairs.push(SeccompRule::new(vec![is])?);
    }
    rules.insert(libc::SYS_socketpair, pairs);
    let death_signal = u64::from(libc::PR_SET_PDEATHSIG.unsigned_abs());
    let keeps = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, death_signal)?;
    rules.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![keeps])?]);
    for &(call, argument) in ABOUT_ITSELF {
        let other = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
        rules.insert(call, vec![SeccompRule::new(vec![other])?]);
    }
    Ok(rules)
}

fn absent() -> Rules {
    ABSENT.iter().map(|&call| (call, Vec::new())).collect()
}

fn common() -> seccompiler::Result<Rules> {
    let is = |argument, op, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value);
    let mut rules = Rules::new();
    let unix = u64::try_from(libc::AF_UNIX).unwrap_or_default();
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        rules.insert(call, vec![SeccompRule::new(vec![is(0, SeccompCmpOp::Ne, unix)?])?]);
    }
    let mut clone = Vec::new();
    for &flag in CLONE_NAMESPACES {
        let flag = u64::from(flag as u32);
        clone.push(SeccompRule::new(vec![is(0, SeccompCmpOp::MaskedEq(flag), flag)?])?);
    }
    rules.insert(libc::SYS_clone, clone);
    let mut ioctl = Vec::new();
    for request in TERMINAL_INJECTION {
        ioctl.push(SeccompRule::new(vec![is(1, SeccompCmpOp::Eq, request)?])?);
    }
    rules.insert(libc::SYS_ioctl, ioctl);
    Ok(rules)
}

fn compile(rules: Rules, errno: libc::c_int) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let action = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch).map_err(|error| error.to_string())?;
    let program = BpfProgram::try_from(filter).map_err(|error| error.to_string())?;
    Ok(without_x32(program))
}

/// Puts a test before a program that answers the calls of the x32 ABI with ENOSYS: they have the same architecture as the
/// 64-bit ones and other numbers, so that a deny-list would let them through.
fn without_x32(program: BpfProgram) -> BpfProgram {
    if !cfg!(target_arch = "x86_64") {
        return program;
    }
    const LOAD_NUMBER: sock_filter = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    const JUMP_UNLESS_X32: sock_filter = sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 };
    let refuse = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | libc::ENOSYS.unsigned_abs() };
    // -1 is no x32 call but what a tracer leaves of a skipped one; nothing traces a guest.
    [LOAD_NUMBER, JUMP_UNLESS_X32, refuse].into_iter().chain(program).collect()
}
