//! What an embedder may choose.

use std::path::PathBuf;

/// Which sandbox to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TierPreference {
    /// Bubblewrap, or the reduced tier where bubblewrap cannot run.
    #[default]
    Best,
    /// Bubblewrap or nothing.
    Bubblewrap,
    /// Landlock and seccomp, even where bubblewrap could run.
    Reduced,
}

/// The options of a [`ProcessExecutor`](crate::ProcessExecutor).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessOptions {
    /// The interpreter; searched for when unset.
    pub python: Option<PathBuf>,
    /// The `bwrap` binary; searched for on `PATH` when unset.
    pub bwrap: Option<PathBuf>,
    /// Which sandbox to use.
    pub tier: TierPreference,
    /// The size of a run's `/tmp`, and of its shared memory, in bytes each.
    pub scratch_bytes: u64,
    /// How many processes and threads a run may have at once.
    pub pids: u64,
    /// A control group of version 2 with the memory and pids controllers, delegated to this process and without processes
    /// of its own; this process's own group when unset. Version 1 is always found by itself.
    pub cgroup: Option<PathBuf>,
    /// Where the executor keeps the SDK's files and scratch folders; the system's temporary folder when unset.
    pub state_dir: Option<PathBuf>,
}

impl Default for ProcessOptions {
    /// 64 MiB of scratch and 64 processes, everything else found at the start.
    fn default() -> Self {
        Self {
            python: None,
            bwrap: None,
            tier: TierPreference::default(),
            scratch_bytes: 64 * 1024 * 1024,
            pids: 64,
            cgroup: None,
            state_dir: None,
        }
    }
}

impl ProcessOptions {
    /// Sets the interpreter.
    #[must_use]
    pub fn with_python(mut self, path: impl Into<PathBuf>) -> Self {
        self.python = Some(path.into());
        self
    }

    /// Sets the `bwrap` binary.
    #[must_use]
    pub fn with_bwrap(mut self, path: impl Into<PathBuf>) -> Self {
        self.bwrap = Some(path.into());
        self
    }

    /// Sets which sandbox to use.
    #[must_use]
    pub fn with_tier(mut self, tier: TierPreference) -> Self {
        self.tier = tier;
        self
    }

    /// Sets the size of a run's `/tmp`, in bytes.
    #[must_use]
    pub fn with_scratch_bytes(mut self, bytes: u64) -> Self {
        self.scratch_bytes = bytes;
        self
    }

    /// Sets how many processes and threads a run may have at once.
    #[must_use]
    pub fn with_pids(mut self, pids: u64) -> Self {
        self.pids = pids;
        self
    }

    /// Sets the delegated control group below which runs get theirs.
    #[must_use]
    pub fn with_cgroup(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cgroup = Some(folder.into());
        self
    }

    /// Sets where the executor keeps the SDK's files and scratch folders.
    #[must_use]
    pub fn with_state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }
}
