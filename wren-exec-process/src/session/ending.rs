//! Says how a guest's process ended, where it said nothing itself.

use wren_core::guest::memory_limit;
use wren_core::{Error, ErrorCode};

use super::started::Exit;

/// Says why a guest ended without a result.
pub(crate) fn without_result(exit: Exit, memory_bytes: u64) -> Error {
    let message = match exit {
        Exit::OutOfMemory => return memory_limit(memory_bytes),
        Exit::Status(status) => format!("the process ended with status {status} before the function returned"),
        Exit::Signal(signal) => {
            format!("the process was ended by {} before the function returned", signal_name(signal))
        }
        Exit::Unknown => "the process closed its channel before the function returned".to_owned(),
    };
    Error::new(ErrorCode::ScriptException, message)
}

/// Returns the name of a signal as signal(7) has it.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
