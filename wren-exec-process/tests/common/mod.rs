//! What the tests of this crate share.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;
use wren_conformance::requirement;
use wren_core::executor::Executor;
use wren_exec_process::{ProcessExecutor, ProcessOptions, TierPreference};

/// Returns the executor of one tier, made once for the program.
pub async fn shared(tier: TierPreference) -> Arc<dyn Executor> {
    static BUBBLEWRAP: OnceCell<Arc<dyn Executor>> = OnceCell::const_new();
    static REDUCED: OnceCell<Arc<dyn Executor>> = OnceCell::const_new();
    let cell = if tier == TierPreference::Reduced { &REDUCED } else { &BUBBLEWRAP };
    let start = || async move {
        let executor = ProcessExecutor::start(ProcessOptions::default().with_tier(tier)).await;
        Arc::new(executor) as Arc<dyn Executor>
    };
    Arc::clone(cell.get_or_init(start).await)
}

/// Returns the same; `None` where the machine does not have the tier.
pub async fn executor(tier: TierPreference) -> Option<Arc<dyn Executor>> {
    let executor = shared(tier).await;
    let check = executor.check().await.map_err(|error| error.chain());
    requirement("a sandbox", check).then_some(executor)
}

/// Returns the processes on this machine whose name, which a script gave itself, is `name`.
pub fn processes_named(name: &str) -> Vec<String> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|entry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Returns the folders `wren-exec-…`, of files and of control groups, that no living process holds.
pub fn abandoned_folders() -> Vec<String> {
    let locks = locks(|_| true);
    executor_folders().into_iter().filter(|(_, inode)| !locks.contains(inode)).map(|(path, _)| path).collect()
}

/// Returns the control groups of runs that this process made and did not remove.
pub fn control_groups() -> Vec<String> {
    below_own_folders("/sys/fs/cgroup", "")
}

/// Returns the scratch folders of runs that this process made and did not remove.
pub fn scratch_folders() -> Vec<String> {
    below_own_folders(&std::env::temp_dir().to_string_lossy(), "scratch")
}

/// Waits, at most for ten seconds, until something is so.
pub async fn eventually(mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), so).await.expect("it is so within ten seconds");
}

fn below_own_folders(parent: &str, below: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    let locks = locks(|pid| pid == own);
    let mut found = Vec::new();
    for (path, inode) in executor_folders() {
        if path.starts_with(parent) && locks.contains(&inode) {
            let entries = fs::read_dir(Path::new(&path).join(below)).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            found.extend(folders.map(|entry| entry.path().display().to_string()));
        }
    }
    found
}

/// Returns the inodes that processes hold a lock on.
fn locks(of: impl Fn(&str) -> bool) -> Vec<u64> {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let lines = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let held = lines.filter(|fields| fields.get(1) == Some(&"FLOCK") && of(fields[4]));
    held.filter_map(|fields| fields[5].rsplit(':').next()?.parse().ok()).collect()
}

/// Returns every folder `wren-exec-…` on this machine with its inode.
fn executor_folders() -> Vec<(String, u64)> {
    let mut parents = vec![std::env::temp_dir()];
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        parents.push(format!("/sys/fs/cgroup/{controllers}{path}").into());
        parents.push(format!("/sys/fs/cgroup{path}").into());
    }
    parents.sort();
    parents.dedup();
    let entries = parents.iter().flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten());
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("wren-exec-"))
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            // Those of other users can be removed by them alone.
            let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
            is_own.then(|| (entry.path().display().to_string(), metadata.ino()))
        })
        .collect()
}
