//! A control group per run, for memory and the number of processes, in version 1 or 2, where this process may make one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::lockdir::LockedDir;

/// Where runs get their control groups.
#[derive(Debug)]
pub(crate) struct Cgroups {
    memory: Option<LockedDir>,
    pids: Option<LockedDir>,
    version: Version,
    next: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Cgroups {
    /// Finds what this process may use, and removes what crashed processes left there.
    pub(crate) fn find(parent: Option<&Path>) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let unified = parent.map(Path::to_path_buf).or_else(|| own_folder(&mounts, &own, None));
        if let Some(folder) = unified.and_then(version_two) {
            return Self { memory: Some(folder), pids: None, version: Version::Two, next: AtomicU64::new(0) };
        }
        let version_one =
            |controller| LockedDir::create(&own_folder(&mounts, &own, Some(controller))?, remove_tree).ok();
        Self {
            memory: version_one("memory"),
            pids: version_one("pids"),
            version: Version::One,
            next: AtomicU64::new(0),
        }
    }

    /// Says whether memory is limited by a control group.
    pub(crate) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Says whether the number of processes is limited by a control group.
    pub(crate) fn limits_pids(&self) -> bool {
        self.pids.is_some() || self.version == Version::Two
    }

    /// Makes the control group of a run; one without folders when there is nowhere to make it.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn create(&self, memory_bytes: u64, pids: u64) -> io::Result<RunCgroup> {
        let number = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let mut group = RunCgroup { folders: Vec::new(), memory: None, version: self.version };
        for (is_memory, base) in [(true, &self.memory), (false, &self.pids)] {
            let Some(base) = base else { continue };
            let folder = base.path().join(&number);
            fs::create_dir(&folder)?;
            group.folders.push(folder.clone());
            if is_memory {
                group.memory = Some(folder.clone());
            }
            match (self.version, is_memory) {
                (Version::Two, _) => {
                    write(&folder, "memory.max", memory_bytes)?;
                    write(&folder, "pids.max", pids)?;
                    // Without swap accounting there is no such file, and without swap no need.
                    let _ = write(&folder, "memory.swap.max", 0);
                }
                (Version::One, true) => {
                    write(&folder, "memory.limit_in_bytes", memory_bytes)?;
                    let _ = write(&folder, "memory.memsw.limit_in_bytes", memory_bytes);
                }
                (Version::One, false) => write(&folder, "pids.max", pids)?,
            }
        }
        Ok(group)
    }
}

/// The control group of one run. Dropping it tries to remove it; [`RunCgroup::remove`] says whether that worked.
#[derive(Debug)]
pub(crate) struct RunCgroup {
    folders: Vec<PathBuf>,
    memory: Option<PathBuf>,
    version: Version,
}

impl RunCgroup {
    /// Opens the files that a child moves itself with.
    pub(crate) fn entrances(&self) -> io::Result<Vec<OwnedFd>> {
        self.folders
            .iter()
            .map(|folder| Ok(OpenOptions::new().write(true).open(folder.join("cgroup.procs"))?.into()))
            .collect()
    }

    /// Says whether the kernel ended a process of the group for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let Some(folder) = &self.memory else { return false };
        let file = if self.version == Version::Two { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0"))
    }

    /// Kills whatever is in the group.
    pub(crate) fn kill(&self) {
        self.folders.iter().for_each(|folder| kill_all(folder));
    }

    /// Removes the group; false while something is still in it.
    pub(crate) fn remove(&mut self) -> bool {
        self.folders
            .retain(|folder| matches!(fs::remove_dir(folder), Err(error) if error.kind() != io::ErrorKind::NotFound));
        self.folders.is_empty()
    }
}

impl Drop for RunCgroup {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Returns the folder of this process's own group in a hierarchy: that of a version 1 controller, or the unified one.
fn own_folder(mounts: &str, own: &str, controller: Option<&str>) -> Option<PathBuf> {
    let (root, mount) = mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let (kind, _source, options) = (right.next()?, right.next()?, right.next()?);
        let fits = match controller {
            None => kind == "cgroup2",
            Some(name) => kind == "cgroup" && options.split(',').any(|option| option == name),
        };
        let mut left = left.split(' ').skip(3);
        fits.then(|| Some((left.next()?, left.next()?)))?
    })?;
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let fits = match controller {
            None => controllers.is_empty(),
            Some(name) => controllers.split(',').any(|other| other == name),
        };
        fits.then_some(path)
    })?;
    let relative = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
    // A container may show its own group as the root of the mount without a namespace that says so.
    [Path::new(mount).join(relative), PathBuf::from(mount)].into_iter().find(|folder| folder.is_dir())
}

/// Makes a folder for groups with both controllers, or nothing where that is not possible: most often because the parent
/// holds processes, which version 2 forbids for a group that hands controllers down.
fn version_two(parent: PathBuf) -> Option<LockedDir> {
    let available = fs::read_to_string(parent.join("cgroup.controllers")).ok()?;
    let has = |name| available.split_whitespace().any(|controller| controller == name);
    if !has("memory") || !has("pids") {
        return None;
    }
    write(&parent, "cgroup.subtree_control", "+memory +pids").ok()?;
    let folder = LockedDir::create(&parent, remove_tree).ok()?;
    write(folder.path(), "cgroup.subtree_control", "+memory +pids").ok()?;
    Some(folder)
}

/// Kills what runs in a folder of groups and removes the folder.
fn remove_tree(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            kill_all(&entry.path());
            // A killed process leaves its group a moment later; what cannot be removed now is found at the next start.
            for _ in 0..50 {
                match fs::remove_dir(entry.path()) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(std::time::Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
    let _ = fs::remove_dir(folder);
}

fn kill_all(folder: &Path) {
    if write(folder, "cgroup.kill", 1).is_ok() {
        return;
    }
    // Version 1 has no such file. A fork between two looks is caught by the next.
    for _ in 0..1000 {
        let pids = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        if pids.trim().is_empty() {
            return;
        }
        for pid in pids.lines().filter_map(|line| rustix::process::Pid::from_raw(line.trim().parse().ok()?)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        std::thread::yield_now();
    }
}

fn write(folder: &Path, file: &str, value: impl std::fmt::Display) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).open(folder.join(file))?;
    file.write_all(value.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_folder_is_found_in_either_version() {
        let root = std::env::temp_dir();
        let mounts = format!(
            "30 25 0:26 / {0} rw - cgroup2 cgroup2 rw\n31 25 0:27 / {0} rw - cgroup cgroup rw,memory\n",
            root.display()
        );
        let own = "4:memory:/none/such\n0::/\n";
        assert_eq!(own_folder(&mounts, own, None), Some(root.join("")));
        assert_eq!(own_folder(&mounts, own, Some("memory")), Some(root));
        assert_eq!(own_folder(&mounts, own, Some("pids")), None);
    }
}
