//! Processes by `/proc`.

use std::collections::BTreeSet;
use std::process::Command;

/// A process, told from another that got its number later by when it was started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    parent: u32,
    started: u64,
    pub(crate) name: String,
    state: char,
}

/// Sends a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -{name} {pid}");
}

fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(read).collect()
}

/// Reads a process; `None` when it is gone.
fn read(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold any character, so what follows begins at the last one.
    let (head, tail) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = tail.split(' ').collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        name: head.split_once('(')?.1.to_owned(),
        state: fields.first()?.chars().next()?,
    })
}

/// Returns everything that descends from a process.
pub(crate) fn descendants(root: u32) -> BTreeSet<Process> {
    let all = all();
    let mut found = BTreeSet::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            if found.insert(process.clone()) {
                parents.push(process.pid);
            }
        }
    }
    found
}

/// Says whether a process still lives; one that only waits to be buried does not.
pub(crate) fn is_alive(process: &Process) -> bool {
    read(process.pid).is_some_and(|now| now.started == process.started && !matches!(now.state, 'Z' | 'X'))
}

/// Returns the living processes of a name.
pub(crate) fn named(name: &str) -> Vec<Process> {
    all().into_iter().filter(|process| process.name == name && is_alive(process)).collect()
}
