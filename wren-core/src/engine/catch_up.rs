//! What happens with a due time that comes late: pure decisions, no I/O.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::inner::millis;
use crate::id::{DeploymentId, OwnerId, TriggerId};
use crate::model::{CatchUp, Overlap, SkipReason, Trigger};
use crate::schedule::{Schedule, jittered};

/// What the engine keeps of a planned trigger.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) id: TriggerId,
    pub(super) owner: OwnerId,
    pub(super) deployment_id: DeploymentId,
    pub(super) revision: u32,
    pub(super) schedule: Arc<Schedule>,
    catch_up: CatchUp,
    window_ms: u64,
    jitter_ms: u64,
    pub(super) cancels_previous: bool,
}

/// How late is late, from the engine's options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lateness {
    pub(super) grace_ms: u64,
    pub(super) max_catch_up: usize,
}

impl Planned {
    /// Returns `None` for a trigger without a schedule.
    pub(super) fn of(trigger: &Trigger) -> Option<Self> {
        let config = trigger.spec.schedule.as_ref()?;
        Some(Self {
            id: trigger.id,
            owner: trigger.owner.clone(),
            deployment_id: trigger.deployment_id,
            revision: trigger.revision,
            schedule: Arc::new(config.schedule.clone()),
            catch_up: config.catch_up,
            window_ms: config.catch_up_window_ms,
            jitter_ms: config.jitter_ms,
            cancels_previous: trigger.spec.policy.overlap == Overlap::CancelPrevious,
        })
    }

    /// Says why a due time that has come is not to run, if it is not.
    ///
    /// It depends on the due time, the schedule and the clock alone, not on which batch the due time came in.
    pub(super) fn skip(&self, due: DateTime<Utc>, now: DateTime<Utc>, lateness: Lateness) -> Option<SkipReason> {
        let late = now - due;
        // Due times that came after this one and have passed, too.
        let later = |at_most: usize| self.schedule.upcoming(due).take(at_most).take_while(|next| *next <= now).count();
        match self.catch_up {
            CatchUp::None => (late > millis(lateness.grace_ms) || later(1) > 0).then_some(SkipReason::Expired),
            _ if late > millis(self.window_ms.max(lateness.grace_ms)) => Some(SkipReason::Expired),
            CatchUp::Latest => (later(1) > 0).then_some(SkipReason::Coalesced),
            CatchUp::All => {
                let bound = lateness.max_catch_up.max(1);
                (later(bound) >= bound).then_some(SkipReason::Coalesced)
            }
        }
    }

    /// Returns when the run of a due time may start.
    pub(super) fn not_before(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        if self.jitter_ms == 0 {
            return due;
        }
        // Stable over restarts: the low half of a UUIDv7 is its random part.
        let (_, seed) = self.id.uuid().as_u64_pair();
        jittered(due, seed, Duration::from_millis(self.jitter_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{CronExpr, Timezone};

    const LATENESS: Lateness = Lateness { grace_ms: 30_000, max_catch_up: 3 };

    fn hourly(catch_up: CatchUp, window_ms: u64) -> Planned {
        let expr = CronExpr::parse("0 * * * *").unwrap();
        Planned {
            owner: OwnerId::new("ada").unwrap(),
            id: TriggerId::new(),
            deployment_id: DeploymentId::new(),
            revision: 1,
            schedule: Arc::new(Schedule::cron(expr, Timezone::UTC)),
            catch_up,
            window_ms,
            jitter_ms: 0,
            cancels_previous: false,
        }
    }

    fn reasons(planned: &Planned, now: &str) -> Vec<Option<SkipReason>> {
        let now: DateTime<Utc> = now.parse().unwrap();
        (0..6)
            .map(|hour| format!("2026-01-01T0{hour}:00:00Z").parse().unwrap())
            .filter(|due| *due <= now)
            .map(|due| planned.skip(due, now, LATENESS))
            .collect()
    }

    const HOUR: u64 = 60 * 60 * 1000;
    const COALESCED: Option<SkipReason> = Some(SkipReason::Coalesced);
    const EXPIRED: Option<SkipReason> = Some(SkipReason::Expired);

    #[test]
    fn on_time_runs_under_every_policy() {
        for policy in [CatchUp::Latest, CatchUp::All, CatchUp::None] {
            let due = "2026-01-01T05:00:00Z".parse().unwrap();
            assert_eq!(hourly(policy, HOUR).skip(due, due, LATENESS), None);
        }
    }

    #[test]
    fn latest_runs_the_last_within_the_window() {
        let now = "2026-01-01T05:30:00Z";
        assert_eq!(
            reasons(&hourly(CatchUp::Latest, 3 * HOUR), now),
            [EXPIRED, EXPIRED, EXPIRED, COALESCED, COALESCED, None]
        );
        assert_eq!(
            reasons(&hourly(CatchUp::Latest, HOUR / 4), now),
            [EXPIRED; 6],
            "the last one is older than the window"
        );
    }

    #[test]
    fn all_runs_up_to_its_bound() {
        assert_eq!(
            reasons(&hourly(CatchUp::All, 100 * HOUR), "2026-01-01T05:30:00Z"),
            [COALESCED, COALESCED, COALESCED, None, None, None]
        );
    }

    #[test]
    fn none_runs_nothing_that_was_missed() {
        assert_eq!(reasons(&hourly(CatchUp::None, 100 * HOUR), "2026-01-01T02:10:00Z"), [EXPIRED; 3]);
    }
}
