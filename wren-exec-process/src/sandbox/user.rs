//! The host's users that guests run as, when this process is root's.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::NOBODY;

/// The first of the numbers, far from those that systems and containers give away.
const FIRST: u32 = 0x6000_0000;
/// Runs of one process until a number comes again, and processes until their numbers do.
const RUNS: u32 = 1 << 12;
const PROCESSES: u32 = 1 << 16;

/// Gives each run a user of its own. The kernel counts much for each user (inotify instances, keys, pending signals), and two
/// runs of one user would take it from each other. Inside of bubblewrap every one of them is 65534.
#[derive(Debug)]
pub(crate) struct GuestUsers {
    next: AtomicU32,
    are_mapped: bool,
}

impl GuestUsers {
    /// Finds out whether this process may use the numbers: in a container's user namespace there may be none.
    pub(crate) fn find() -> Self {
        let covers = |file| covers(&fs::read_to_string(file).unwrap_or_default());
        let are_mapped = covers("/proc/self/uid_map") && covers("/proc/self/gid_map");
        Self { next: AtomicU32::new(0), are_mapped }
    }

    /// Returns the user of a run, whose group has the same number.
    pub(crate) fn next(&self) -> u32 {
        if !self.are_mapped {
            return NOBODY;
        }
        let run = self.next.fetch_add(1, Ordering::Relaxed) % RUNS;
        FIRST + (std::process::id() % PROCESSES) * RUNS + run
    }
}

/// Says whether a map of a user namespace has all of the numbers.
fn covers(map: &str) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(inside)), Some(Ok(_)), Some(Ok(count))) = (fields.next(), fields.next(), fields.next()) else {
            return false;
        };
        let first = u64::from(FIRST);
        inside <= first && inside + count >= first + u64::from(RUNS) * u64::from(PROCESSES)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_users_of_their_own_where_those_exist() {
        let users = GuestUsers { next: AtomicU32::new(0), are_mapped: true };
        assert_ne!(users.next(), users.next());
        let users = GuestUsers { next: AtomicU32::new(0), are_mapped: false };
        assert_eq!(users.next(), NOBODY);
        assert!(covers("         0          0 4294967295\n"));
        assert!(!covers("         0     100000      65536\n"));
    }
}
