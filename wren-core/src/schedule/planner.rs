//! The scheduler that keeps its plan in memory.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::heap::{DueHeap, HeapItem};
use super::interner::Interner;
use super::rule::{Rule, Schedule};
use super::scheduler::{Due, PlannerEntry, Scheduler};

/// The in-memory [`Scheduler`].
///
/// It holds about 110 bytes for each trigger. Schedules are shared between triggers that have equal ones. At most
/// 2³² − 1 entries fit; memory ends long before.
#[derive(Debug, Default)]
pub struct Planner {
    // Not a Tokio mutex: it is never held across an await, and no call under it takes longer than its own work.
    plan: Mutex<Plan>,
}

impl Planner {
    /// Makes an empty planner.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Scheduler for Planner {
    fn upsert(&self, entry: PlannerEntry) -> Option<DateTime<Utc>> {
        // The search of the calendar happens before the lock is taken.
        let next = entry.schedule.next_after(entry.after);
        self.plan.lock().upsert(entry.key, &entry.schedule, next.map(|next| next.timestamp_millis()));
        next
    }

    fn remove(&self, key: u128) -> bool {
        self.plan.lock().remove(key)
    }

    fn next_due(&self) -> Option<DateTime<Utc>> {
        let first = self.plan.lock().heap.peek()?;
        DateTime::from_timestamp_millis(first.due_ms)
    }

    fn next_due_of(&self, key: u128) -> Option<DateTime<Utc>> {
        let plan = self.plan.lock();
        let slot = *plan.slots_by_key.get(&Key::from(key))?;
        DateTime::from_timestamp_millis(plan.slots[slot as usize].due_ms)
    }

    fn pop_due_into(&self, now: DateTime<Utc>, max: usize, out: &mut Vec<Due>) {
        let now_ms = now.timestamp_millis();
        let mut plan = self.plan.lock();
        for _ in 0..max {
            match plan.pop(now_ms) {
                Some(due) => out.push(due),
                None => break,
            }
        }
    }

    fn len(&self) -> usize {
        self.plan.lock().slots_by_key.len()
    }
}

/// A key in two halves: a `u128` of its own would pad every slot to a multiple of 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key([u64; 2]);

impl From<u128> for Key {
    fn from(key: u128) -> Self {
        Self([(key >> 64) as u64, key as u64])
    }
}

impl From<Key> for u128 {
    fn from(Key([high, low]): Key) -> Self {
        (u128::from(high) << 64) | u128::from(low)
    }
}

/// How an entry finds the due time after the present one.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// By the shared schedule at this place of the interner.
    Shared(u32),
    /// So many seconds later. Anchors differ between triggers, so these would never be shared.
    Seconds(u32),
    /// Not at all.
    Last,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    due_ms: i64,
    step: Step,
    /// Counts the changes by upsert and remove, which is what outdates an item in the heap.
    stamp: u32,
}

/// The plan behind the lock.
///
/// Invariants: each slot in `slots_by_key` has exactly one item in the heap with the slot's stamp and due time; the
/// first item of the heap is never outdated, so a look at it is enough for `next_due`.
#[derive(Debug, Default)]
struct Plan {
    slots: Vec<Slot>,
    free: Vec<u32>,
    slots_by_key: HashMap<Key, u32>,
    heap: DueHeap,
    interner: Interner,
}

impl Plan {
    fn upsert(&mut self, key: u128, schedule: &Arc<Schedule>, next_ms: Option<i64>) {
        let Some(due_ms) = next_ms else {
            self.remove(key);
            return;
        };
        let key = Key::from(key);
        // The new user is counted before the old one goes, so an unchanged schedule is not dropped in between.
        let step = self.step_of(schedule);
        let slot = match self.slots_by_key.get(&key) {
            Some(&slot) => {
                self.release_step(slot);
                slot
            }
            None => self.add_slot(key),
        };
        let entry = &mut self.slots[slot as usize];
        entry.due_ms = due_ms;
        entry.step = step;
        entry.stamp = entry.stamp.wrapping_add(1);
        self.heap.push(HeapItem { due_ms, slot, stamp: entry.stamp });
        self.tidy();
    }

    fn remove(&mut self, key: u128) -> bool {
        let Some(slot) = self.slots_by_key.remove(&Key::from(key)) else {
            return false;
        };
        self.release_slot(slot);
        self.tidy();
        true
    }

    fn pop(&mut self, now_ms: i64) -> Option<Due> {
        let first = self.heap.peek().filter(|first| first.due_ms <= now_ms)?;
        let entry = &mut self.slots[first.slot as usize];
        let key = entry.key;
        let next_ms = match entry.step {
            Step::Shared(place) => self.interner.step(place, first.due_ms),
            Step::Seconds(seconds) => first.due_ms.checked_add(i64::from(seconds) * 1_000),
            Step::Last => None,
        }
        // A due time beyond chrono's calendar could not be told to anyone.
        .filter(|next_ms| *next_ms <= DateTime::<Utc>::MAX_UTC.timestamp_millis());
        match next_ms {
            Some(due_ms) => {
                entry.due_ms = due_ms;
                self.heap.replace_first(HeapItem { due_ms, ..first });
            }
            None => {
                self.slots_by_key.remove(&key);
                self.release_slot(first.slot);
                self.heap.pop();
            }
        }
        self.surface();
        let at = DateTime::from_timestamp_millis(first.due_ms)?;
        Some(Due { at, key: key.into() })
    }

    fn step_of(&mut self, schedule: &Arc<Schedule>) -> Step {
        match (schedule.rule(), schedule.end()) {
            (Rule::At { .. }, _) => Step::Last,
            (Rule::Every { period, .. }, None) => Step::Seconds(period.seconds()),
            _ => Step::Shared(self.interner.acquire(schedule)),
        }
    }

    fn release_step(&mut self, slot: u32) {
        if let Step::Shared(place) = self.slots[slot as usize].step {
            self.interner.release(place);
        }
    }

    fn add_slot(&mut self, key: Key) -> u32 {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize].key = key;
                slot
            }
            None => {
                self.slots.push(Slot { key, due_ms: 0, step: Step::Last, stamp: 0 });
                (self.slots.len() - 1) as u32
            }
        };
        self.slots_by_key.insert(key, slot);
        slot
    }

    fn release_slot(&mut self, slot: u32) {
        self.release_step(slot);
        let entry = &mut self.slots[slot as usize];
        entry.step = Step::Last;
        entry.stamp = entry.stamp.wrapping_add(1);
        self.free.push(slot);
    }

    /// Restores the invariant after a change, and rebuilds the heap once outdated items are more than half of it.
    fn tidy(&mut self) {
        const SMALL: usize = 1024;
        if self.heap.len() > SMALL && self.heap.len() > 2 * self.slots_by_key.len() {
            let slots = &self.slots;
            self.heap.retain(|item| slots[item.slot as usize].stamp == item.stamp);
        }
        self.surface();
    }

    /// Drops outdated items until the first one is not.
    fn surface(&mut self) {
        while let Some(first) = self.heap.peek()
            && self.slots[first.slot as usize].stamp != first.stamp
        {
            self.heap.pop();
        }
    }
}
