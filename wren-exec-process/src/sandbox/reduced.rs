//! The `reduced` tier, for machines without namespaces: Landlock for files, seccomp for everything else.
//!
//! Weaker than bubblewrap in what it shows: a script can see the host's process ids, its own user's name and the names of
//! files. It can read Python and its scratch folder only, write the latter only, start no process and open no socket.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, Scope,
};
use seccompiler::BpfProgram;

use super::files::Files;
use super::raw::{ChildSetup, landlock_version};
use super::scratch::Scratch;
use super::{Pipes, Start, seccomp};
use crate::python::Python;

/// The newest rules that this is written for; an older kernel enforces those it knows.
const RULES: ABI = ABI::V6;
/// From this version on Landlock keeps signals within the sandbox.
const SCOPES_SIGNALS: i64 = 6;

/// A way to start sandboxes with Landlock.
#[derive(Debug)]
pub(crate) struct Reduced {
    python: PathBuf,
    main: PathBuf,
    readable: Vec<PathBuf>,
    filters: Vec<BpfProgram>,
}

impl Reduced {
    /// Prepares what all runs share.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn new(python: &Python, files: &Files) -> Result<Self, String> {
        let version = landlock_version();
        if version == 0 {
            return Err("this kernel has no Landlock".to_owned());
        }
        let mut readable = python.needs.clone();
        readable.extend(["/lib64", "/usr/lib64"].map(PathBuf::from).into_iter().filter(|path| path.is_dir()));
        readable.push(files.sdk());
        Ok(Self {
            python: python.executable.clone(),
            main: files.sdk().join(wren_sdk::ENTRY),
            readable,
            filters: seccomp::reduced(version >= SCOPES_SIGNALS)?,
        })
    }

    /// Returns the command of one run that may write to `scratch`.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn command(&self, start: Start, scratch: &Scratch, pipes: Pipes) -> io::Result<Command> {
        let ruleset = self.ruleset(scratch).map_err(io::Error::other)?;
        let mut command = Command::new(&self.python);
        command.env_clear().args(["-I", "-S", "-B"]).arg(&self.main).arg(pipes.channel.as_raw_fd().to_string());
        command.env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.env("HOME", scratch.path()).env("TMPDIR", scratch.path());
        command.current_dir(scratch.path()).stdin(Stdio::null()).stdout(pipes.stdout).stderr(pipes.stderr);
        let setup = ChildSetup {
            cgroups: start.cgroups,
            rlimits: start.rlimits,
            drop_to: start.drop_to,
            ends_with_parent: true,
            inherit: vec![pipes.channel.as_raw_fd()],
            landlock: Some(ruleset),
            seccomp: self.filters.clone(),
            _kept: vec![pipes.channel],
        };
        setup.install(&mut command);
        Ok(command)
    }

    fn ruleset(&self, scratch: &Scratch) -> Result<OwnedFd, String> {
        let read = AccessFs::from_read(RULES);
        let mut ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(RULES))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(RULES)))
            .and_then(|ruleset| ruleset.scope(Scope::from_all(RULES)))
            .and_then(|ruleset| ruleset.create())
            .map_err(|error| error.to_string())?;
        let readable = self.readable.iter().map(|path| path.as_path());
        for path in readable {
            ruleset = allow(ruleset, path, if path.is_dir() { read } else { read & AccessFs::from_file(RULES) })?;
        }
        let device = AccessFs::ReadFile | AccessFs::WriteFile;
        for path in ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/etc/ld.so.cache"] {
            let path = std::path::Path::new(path);
            if path.exists() {
                let access = if path.starts_with("/dev") { device } else { AccessFs::ReadFile.into() };
                ruleset = allow(ruleset, path, access)?;
            }
        }
        // Sockets and devices have no business there, nor have programs.
        let files = AccessFs::from_all(RULES)
            & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::MakeSock | AccessFs::IoctlDev);
        ruleset = allow(ruleset, scratch.path(), files)?;
        Option::<OwnedFd>::from(ruleset).ok_or_else(|| "this kernel has no Landlock".to_owned())
    }
}

fn allow(
    ruleset: RulesetCreated,
    path: &std::path::Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, String> {
    let file = PathFd::new(path).map_err(|error| error.to_string())?;
    ruleset.add_rule(PathBeneath::new(file, access)).map_err(|error| error.to_string())
}
