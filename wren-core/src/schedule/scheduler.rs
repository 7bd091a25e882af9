//! The seam between the engine and whatever decides when triggers are due.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::rule::Schedule;

/// A trigger as the scheduler knows it.
#[derive(Debug, Clone)]
pub struct PlannerEntry {
    /// The trigger's id as a number, such as `Uuid::as_u128` gives.
    pub key: u128,
    /// When it is due.
    pub schedule: Arc<Schedule>,
    /// The cursor: the first due time is strictly later than this. It is the last due time that was recorded, or the
    /// moment at which the trigger was registered.
    pub after: DateTime<Utc>,
}

/// One due time of one trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Due {
    /// When it is due, without any jitter. Together with the key it names the fire.
    pub at: DateTime<Utc>,
    /// The trigger's key.
    pub key: u128,
}

/// Knows the next due time of many triggers.
///
/// A scheduler is synchronous and pure: it does no I/O, reads no clock and keeps nothing, since the store is the truth
/// and refills it after a restart.
///
/// # Contract
///
/// - Due times of one key come out in order, each exactly once, and are strictly later than the entry's `after`. A
///   trigger of which several passed yields them one by one: each becomes a record of its own.
/// - Due times of different keys come out in the order of time. The order at the same instant is not specified.
/// - An entry whose schedule has no due time left leaves by itself.
/// - A removed key yields nothing any more, and a replaced one nothing of its old schedule.
/// - The methods may be called from several threads at once.
pub trait Scheduler: std::fmt::Debug + Send + Sync + 'static {
    /// Adds or replaces the entry of a key, and returns its next due time. Without one the key is not kept.
    fn upsert(&self, entry: PlannerEntry) -> Option<DateTime<Utc>>;

    /// Removes the entry of a key, and says whether there was one.
    fn remove(&self, key: u128) -> bool;

    /// Returns the earliest due time of all.
    fn next_due(&self) -> Option<DateTime<Utc>>;

    /// Returns the next due time of one key.
    fn next_due_of(&self, key: u128) -> Option<DateTime<Utc>>;

    /// Takes due times that are not later than `now`, earliest first and at most `max`, moves each entry on to its next
    /// one, and appends them to `out`.
    fn pop_due_into(&self, now: DateTime<Utc>, max: usize, out: &mut Vec<Due>);

    /// Returns the number of entries that have a due time to come.
    fn len(&self) -> usize;

    /// Says whether no entry has a due time to come.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Conveniences for those who use a [`Scheduler`].
pub trait SchedulerExt: Scheduler {
    /// Takes due times as [`Scheduler::pop_due_into`] does, into a list of its own.
    fn pop_due(&self, now: DateTime<Utc>, max: usize) -> Vec<Due> {
        let mut due = Vec::new();
        self.pop_due_into(now, max, &mut due);
        due
    }
}

impl<S: Scheduler + ?Sized> SchedulerExt for S {}
