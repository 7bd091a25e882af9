//! What the kernel says of this machine and of processes.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use serde::Serialize;

/// What a figure depends on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    cpu: Option<String>,
    kernel: Option<String>,
    wren: &'static str,
    /// Figures of a build without optimisation say nothing.
    release_build: bool,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        Self {
            cores: cores(),
            cpu: model.and_then(|line| line.split_once(": ")).map(|(_, name)| name.to_owned()),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
            wren: env!("CARGO_PKG_VERSION"),
            release_build: !cfg!(debug_assertions),
        }
    }

    pub(crate) fn line(&self) -> String {
        let build = if self.release_build { "release build" } else { "DEBUG BUILD: these figures say nothing" };
        format!(
            "{} cores, {}, Linux {}; wren {}, {build}",
            self.cores,
            self.cpu.as_deref().unwrap_or("unknown processor"),
            self.kernel.as_deref().unwrap_or("unknown"),
            self.wren
        )
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the memory of this process, in bytes: a page that several processes map counts by its share for each.
pub(crate) fn own_memory() -> u64 {
    proportional_set_size("self")
}

/// Returns the memory of this process and of all its descendants, in bytes.
pub(crate) fn memory_of_tree() -> u64 {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let (Ok(pid), Some(parent)) = (name.parse::<u32>(), parent_of(&name)) {
            parents.insert(pid, parent);
        }
    }
    let own = std::process::id();
    let is_ours = |mut pid: u32| {
        while pid != own {
            match parents.get(&pid) {
                Some(parent) => pid = *parent,
                None => return false,
            }
        }
        true
    };
    parents.keys().filter(|pid| is_ours(**pid)).map(|pid| proportional_set_size(&pid.to_string())).sum()
}

fn parent_of(pid: &str) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn proportional_set_size(pid: &str) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// Watches this process's memory until it is asked for the peak.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<u64>,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut peak = own_memory();
            while stopped.recv_timeout(Duration::from_millis(20)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                peak = peak.max(own_memory());
            }
            peak.max(own_memory())
        });
        Self { stop, thread }
    }

    /// Returns the most that there was, in bytes.
    pub(crate) fn peak(self) -> u64 {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory() {
        let before = own_memory();
        let held = vec![1u8; 32 << 20];
        assert!(own_memory() > before + (16 << 20), "{before}");
        assert!(memory_of_tree() >= 16 << 20);
        drop(held);
    }
}
