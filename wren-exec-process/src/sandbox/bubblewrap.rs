//! The `bubblewrap` tier: namespaces of every kind around the interpreter, and nothing of the host in sight but it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};

use super::files::Files;
use super::raw::{ChildSetup, filter_bytes};
use super::{NOBODY, Pipes, Start, seccomp};
use crate::options::ProcessOptions;
use crate::python::Python;

/// Where the SDK lies inside.
const SDK: &str = "/wren";
/// Where a script starts: below `/tmp`, so that one size bounds both.
const HOME: &str = "/tmp/home";

/// Files of `/proc` that tell about the host; bubblewrap itself covers those that could be written.
const MASKED: [&str; 20] = [
    "/proc/buddyinfo",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/modules",
    "/proc/partitions",
    "/proc/slabinfo",
    "/proc/softirqs",
    "/proc/timer_list",
    "/proc/vmallocinfo",
    "/proc/vmstat",
    "/proc/zoneinfo",
];

/// The folders among them.
const MASKED_FOLDERS: [&str; 1] = ["/proc/pressure"];

/// A way to start sandboxes with bubblewrap.
#[derive(Debug)]
pub(crate) struct Bubblewrap {
    bwrap: PathBuf,
    python: PathBuf,
    /// The options that all runs share, each ended by a NUL.
    shared: Vec<u8>,
    filters: Vec<Vec<u8>>,
}

impl Bubblewrap {
    /// Prepares what all runs share. `memory_is_counted` says whether a
    /// control group limits memory.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn new(
        options: &ProcessOptions,
        python: &Python,
        files: &Files,
        memory_is_counted: bool,
    ) -> Result<Self, String> {
        let bwrap = match &options.bwrap {
            Some(path) => path.clone(),
            None => on_path("bwrap").ok_or("bubblewrap is not installed")?,
        };
        if !bwrap.is_file() {
            return Err(format!("{} does not exist", bwrap.display()));
        }
        Ok(Self {
            bwrap,
            python: python.executable.clone(),
            shared: shared(options, python, files),
            filters: seccomp::bubblewrap(memory_is_counted)?.iter().map(|filter| filter_bytes(filter)).collect(),
        })
    }

    /// Returns the command of one run.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn command(&self, start: Start, pipes: Pipes) -> io::Result<Command> {
        let filters = self.filters.iter().map(|filter| memory_file(filter)).collect::<io::Result<Vec<_>>>()?;
        let mut arguments = self.shared.clone();
        for filter in &filters {
            push(&mut arguments, &["--add-seccomp-fd".as_ref(), filter.as_raw_fd().to_string().as_ref()]);
        }
        push(&mut arguments, &["--remount-ro".as_ref(), "/".as_ref()]);
        let arguments = memory_file(&arguments)?;

        let mut command = Command::new(&self.bwrap);
        // Bubblewrap's own environment and arguments can be read inside, through `/proc/1`, until it executes the guest.
        command.env_clear().arg("--args").arg(arguments.as_raw_fd().to_string()).arg("--").arg(&self.python);
        command.args(["-I", "-S", "-B", &format!("{SDK}/{}", wren_sdk::ENTRY)]);
        command.arg(pipes.channel.as_raw_fd().to_string());
        command.stdin(Stdio::null()).stdout(pipes.stdout).stderr(pipes.stderr);
        let mut inherit = vec![arguments.as_raw_fd(), pipes.channel.as_raw_fd()];
        inherit.extend(filters.iter().map(|filter| filter.as_raw_fd()));
        let setup = ChildSetup {
            cgroups: start.cgroups,
            rlimits: start.rlimits,
            drop_to: start.drop_to,
            // `--die-with-parent` does, once there is a guest.
            ends_with_parent: false,
            inherit,
            landlock: None,
            seccomp: Vec::new(),
            _kept: filters.into_iter().chain([arguments]).map(Into::into).chain([pipes.channel]).collect(),
        };
        setup.install(&mut command);
        Ok(command)
    }
}

fn shared(options: &ProcessOptions, python: &Python, files: &Files) -> Vec<u8> {
    let mut arguments = Vec::new();
    let mut add = |words: &[&str]| push(&mut arguments, &words.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    let nobody = NOBODY.to_string();
    add(&["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--as-pid-1"]);
    add(&["--uid", &nobody, "--gid", &nobody, "--hostname", "wren", "--cap-drop", "ALL"]);
    add(&["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", HOME, "--setenv", "LANG", "C.UTF-8"]);
    for folder in ["/lib", "/lib32", "/lib64"] {
        let folder = Path::new(folder);
        match std::fs::read_link(folder) {
            Ok(target) => add(&["--symlink", &target.to_string_lossy(), &folder.to_string_lossy()]),
            // Nothing of Python lies there where it is no link, but the loader that its binary names may.
            Err(_) if folder.is_dir() => add(&["--ro-bind", &folder.to_string_lossy(), &folder.to_string_lossy()]),
            Err(_) => {}
        }
    }
    let loader = Path::new("/usr/lib64");
    let loader = loader.is_dir().then(|| loader.to_path_buf());
    for path in python.needs.iter().chain(loader.as_ref().filter(|path| !python.needs.contains(path))) {
        add(&["--ro-bind", &path.to_string_lossy(), &path.to_string_lossy()]);
    }
    add(&["--ro-bind", &files.sdk().to_string_lossy(), SDK]);
    add(&["--ro-bind", &files.etc().to_string_lossy(), "/etc"]);
    add(&["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]);
    for path in MASKED.iter().filter(|path| Path::new(path).exists()) {
        add(&["--ro-bind", "/dev/null", path]);
    }
    for path in MASKED_FOLDERS.iter().filter(|path| Path::new(path).is_dir()) {
        add(&["--size", "4096", "--tmpfs", path, "--remount-ro", path]);
    }
    let size = options.scratch_bytes.to_string();
    add(&["--dev", "/dev", "--size", &size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
    add(&["--size", &size, "--tmpfs", "/tmp", "--dir", HOME, "--chdir", HOME]);
    arguments
}

fn push(arguments: &mut Vec<u8>, words: &[&std::ffi::OsStr]) {
    for word in words {
        arguments.extend_from_slice(word.as_bytes());
        arguments.push(0);
    }
}

/// Returns an open file in memory, ready to be read from its beginning.
fn memory_file(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("wren", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
