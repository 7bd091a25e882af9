//! Moments at which tests kill the process.

/// Marks a moment between two writes. Does nothing, unless the crate is built with the feature `failpoints`, which tests of
/// crashes do, and `WREN_FAILPOINT=N` is set: then the process kills itself, as `kill -9` would, at the N-th such moment it
/// comes to. With `WREN_FAILPOINT_LOG=FILE` each moment is first written there.
#[inline]
pub fn failpoint(name: &str) {
    #[cfg(feature = "failpoints")]
    armed::hit(name);
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::io::Write as _;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static LAST: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("WREN_FAILPOINT").ok().and_then(|text| text.parse().ok()));
    static LOG: LazyLock<Option<std::path::PathBuf>> =
        LazyLock::new(|| std::env::var_os("WREN_FAILPOINT_LOG").map(Into::into));
    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn hit(name: &str) {
        if LAST.is_none() && LOG.is_none() {
            return;
        }
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(log) = &*LOG
            && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(log)
        {
            // Best effort: what counts is the kill. One write, so that lines of several threads do not mix.
            let _ = file.write_all(format!("{number} {name}\n").as_bytes());
        }
        if *LAST == Some(number) {
            // Not an abort: nothing in the process gets to run any more, as under `kill -9`.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}
