//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use std::fs;
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

/// Returns the control groups of runs that this process made and did not remove.
pub fn control_groups() -> Vec<String> {
    let mut found = Vec::new();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        for base in [format!("/sys/fs/cgroup/{controllers}{path}"), format!("/sys/fs/cgroup{path}")] {
            for folder in fs::read_dir(&base).into_iter().flatten().flatten() {
                if folder.file_name().to_string_lossy().starts_with("wren-exec-") {
                    let runs = fs::read_dir(folder.path()).into_iter().flatten().flatten();
                    let runs = runs.filter(|run| run.file_type().is_ok_and(|kind| kind.is_dir()));
                    found.extend(runs.map(|run| run.path().display().to_string()));
                }
            }
        }
    }
    found
}
