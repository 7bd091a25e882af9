//! Word of what changes about runs, to whoever watches them in this process.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::following::Followed;
use crate::id::RunId;
use crate::model::Run;

/// Tells of changes. That nobody is told of what other processes do is why everybody who waits also looks unasked.
#[derive(Debug, Default)]
pub(super) struct RunChanges {
    /// Some run changed.
    any: Notify,
    /// The runs that somebody follows, each with how many do.
    followed: Mutex<HashMap<RunId, (Arc<Followed>, usize)>>,
}

impl RunChanges {
    /// Tells that a run changed its state.
    pub(super) fn of(&self, id: RunId) {
        if let Some((followed, _)) = self.followed.lock().get(&id) {
            followed.changed();
        }
        self.any.notify_waiters();
    }

    /// Tells that a run has new lines, which concerns only those who follow it.
    pub(super) fn printed(&self, id: RunId) {
        if let Some((followed, _)) = self.followed.lock().get(&id) {
            followed.printed();
        }
    }

    /// Tells that there are new runs, or that others changed of which nobody here knows which. Those who follow one are left
    /// alone: at hundreds of fires per second each would be read again and again for nothing.
    pub(super) fn some(&self) {
        self.any.notify_waiters();
    }

    /// Tells that any number of runs changed, which is rare: those who follow one look at theirs, too.
    pub(super) fn all(&self) {
        self.followed.lock().values().for_each(|(followed, _)| followed.changed());
        self.any.notify_waiters();
    }

    /// Waits for the next word about any run.
    pub(super) fn next(&self) -> Notified<'_> {
        self.any.notified()
    }

    /// Returns what the followers of a run share; the first one begins after a line.
    pub(super) fn follow(&self, run: &Arc<Run>, after: u64) -> Arc<Followed> {
        let mut followed = self.followed.lock();
        let (shared, followers) = followed.entry(run.id).or_insert_with(|| (Arc::new(Followed::new(run, after)), 0));
        *followers += 1;
        Arc::clone(shared)
    }

    /// Counts a follower of a run out; what they share goes with the last one.
    pub(super) fn leave(&self, id: RunId) {
        let mut followed = self.followed.lock();
        if let Some((_, followers)) = followed.get_mut(&id) {
            *followers -= 1;
            if *followers == 0 {
                followed.remove(&id);
            }
        }
    }

    /// Returns how many runs are followed.
    pub(super) fn followed_runs(&self) -> usize {
        self.followed.lock().len()
    }
}
