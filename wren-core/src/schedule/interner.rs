//! Schedules that many triggers share, kept once.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::rule::Schedule;

/// Keeps each distinct schedule once, and remembers its last step.
///
/// A platform's triggers crowd on a few expressions, and those of one expression come due together: after the first of
/// them has searched the calendar, the others need only look here.
#[derive(Debug, Default)]
pub(super) struct Interner {
    places: HashMap<Arc<Schedule>, u32>,
    shared: Vec<Option<Shared>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Shared {
    schedule: Arc<Schedule>,
    users: u32,
    /// The last question in milliseconds, and its answer.
    last_step: Option<(i64, Option<i64>)>,
}

impl Interner {
    /// Takes one more user of a schedule, and returns its place.
    pub(super) fn acquire(&mut self, schedule: &Arc<Schedule>) -> u32 {
        if let Some(&place) = self.places.get(schedule) {
            if let Some(shared) = &mut self.shared[place as usize] {
                shared.users += 1;
            }
            return place;
        }
        let shared = Some(Shared { schedule: Arc::clone(schedule), users: 1, last_step: None });
        let place = match self.free.pop() {
            Some(place) => {
                self.shared[place as usize] = shared;
                place
            }
            None => {
                self.shared.push(shared);
                // There are no more places than slots, whose number the planner bounds.
                (self.shared.len() - 1) as u32
            }
        };
        self.places.insert(Arc::clone(schedule), place);
        place
    }

    /// Lets go of one user of the schedule at a place; the last one frees it.
    pub(super) fn release(&mut self, place: u32) {
        let Some(shared) = &mut self.shared[place as usize] else {
            return;
        };
        shared.users -= 1;
        if shared.users == 0 {
            self.places.remove(&shared.schedule);
            self.shared[place as usize] = None;
            self.free.push(place);
        }
    }

    /// Returns the due time that follows `due_ms`, in milliseconds.
    pub(super) fn step(&mut self, place: u32, due_ms: i64) -> Option<i64> {
        let shared = self.shared[place as usize].as_mut()?;
        match shared.last_step {
            Some((asked, answer)) if asked == due_ms => answer,
            _ => {
                let due = DateTime::<Utc>::from_timestamp_millis(due_ms)?;
                let answer = shared.schedule.next_after(due).map(|next| next.timestamp_millis());
                shared.last_step = Some((due_ms, answer));
                answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CronExpr, Timezone};
    use super::*;

    fn daily(hour: u32) -> Arc<Schedule> {
        let expr = CronExpr::parse(&format!("0 {hour} * * *")).unwrap();
        Arc::new(Schedule::cron(expr, Timezone::UTC))
    }

    #[test]
    fn equal_schedules_share_a_place_until_the_last_user_goes() {
        let mut interner = Interner::default();
        let place = interner.acquire(&daily(1));
        assert_eq!(interner.acquire(&daily(1)), place);
        assert_ne!(interner.acquire(&daily(2)), place);
        interner.release(place);
        assert_eq!(interner.step(place, 0), Some(3_600_000));
        interner.release(place);
        assert_eq!(interner.places.len(), 1);
        assert_eq!(interner.acquire(&daily(3)), place);
        assert_eq!(interner.step(place, 0), Some(3 * 3_600_000));
    }
}
