//! The run state machine: one function that every store calls, so that no store can disagree about it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Delivery;
use super::run::{AttemptEnd, Claim, Isolation, Run, RunState, SkipReason};
use crate::error::{Error, ErrorCode, WireError};
use crate::id::WorkerId;

/// How many lost workers a run survives before the platform holds the run itself to be the cause.
pub(crate) const MAX_ORPHANED: u32 = 5;

/// Proves that the writer still holds the run: the epoch of its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The epoch that the claim returned.
    pub epoch: u64,
}

/// How an attempt ended, as the worker reports it.
#[derive(Debug, Clone, PartialEq)]
pub enum Completion {
    /// The function returned this.
    Success(Value),
    /// It failed for good.
    Failed(WireError),
    /// It took too long, for good.
    Timeout(WireError),
    /// It was cancelled, by a user or by an overlap policy.
    Cancelled(WireError),
    /// It failed or took too long, and runs again at `not_before`.
    Retry {
        /// Why the attempt ended.
        error: WireError,
        /// Whether it took too long.
        timed_out: bool,
        /// When the next attempt may start.
        not_before: DateTime<Utc>,
    },
    /// The worker gives it back unstarted or interrupted, as at a shutdown; it runs again, without using up a retry. A
    /// worker MUST NOT release a run of `at_most_once` delivery whose function may have begun: it reports `Failed`.
    Release {
        /// When the next attempt may start.
        not_before: DateTime<Utc>,
    },
}

impl Completion {
    /// Returns what the record of the attempt says about this end.
    #[must_use]
    pub fn attempt_end(&self) -> AttemptEnd {
        match self {
            Self::Success(_) => AttemptEnd::Success,
            Self::Failed(_) | Self::Retry { timed_out: false, .. } => AttemptEnd::Failed,
            Self::Timeout(_) | Self::Retry { timed_out: true, .. } => AttemptEnd::Timeout,
            Self::Cancelled(_) => AttemptEnd::Cancelled,
            Self::Release { .. } => AttemptEnd::Lost,
        }
    }
}

/// What a rescue does with a run whose lease has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescue {
    /// When the next attempt may start.
    pub not_before: DateTime<Utc>,
}

/// Something that happens to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// A worker takes it.
    Claim {
        /// The worker.
        worker: WorkerId,
        /// When the lease ends.
        lease_until: DateTime<Utc>,
    },
    /// Its worker keeps it.
    Extend {
        /// The worker's fence.
        fence: Fence,
        /// When the lease ends now.
        lease_until: DateTime<Utc>,
    },
    /// Its worker ends the attempt.
    Complete {
        /// The worker's fence.
        fence: Fence,
        /// How it ended.
        completion: Completion,
        /// The isolation the attempt had.
        isolation: Option<Isolation>,
    },
    /// Its lease ended without a word from the worker.
    Rescue(Rescue),
    /// Somebody wants it to end.
    Cancel {
        /// What the run's record says about it.
        error: WireError,
    },
    /// It is not to be started.
    Skip(SkipReason),
}

/// What a transition changed besides the run itself.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a transition lives for one call and is never stored")]
pub enum Transition {
    /// An attempt began: insert it.
    Started,
    /// The lease moved.
    Extended,
    /// The attempt with the run's epoch ended: update it. The run is terminal or queued again.
    Ended {
        /// How the attempt ended.
        end: AttemptEnd,
        /// Why.
        error: Option<WireError>,
    },
    /// The run, never started, is terminal.
    Closed,
    /// A running run was asked to end; its worker learns of it at its next heartbeat.
    CancelRequested,
}

/// Says why an event does not apply. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The run is terminal, and so immutable.
    #[error("the run has ended as {}", .0.as_str())]
    Terminal(RunState),
    /// The state has no edge for the event.
    #[error("a {} run cannot do that", .0.as_str())]
    NotAllowed(RunState),
    /// The writer's claim is not the current one.
    #[error("the claim was lost")]
    LostClaim,
    /// It may not be claimed yet.
    #[error("the run is not due yet")]
    NotDue,
    /// The lease has not ended.
    #[error("the lease has not ended")]
    LeaseHeld,
}

impl Run {
    /// Applies an event, or changes nothing and says why.
    ///
    /// # Errors
    /// [`TransitionError`] when the state machine has no such edge or the fence does not hold.
    pub fn apply(&mut self, event: RunEvent, now: DateTime<Utc>) -> Result<Transition, TransitionError> {
        if self.state.is_terminal() {
            return Err(TransitionError::Terminal(self.state));
        }
        match (self.state, event) {
            (RunState::Queued, RunEvent::Claim { worker, lease_until }) => self.start(worker, lease_until, now),
            (RunState::Queued, RunEvent::Cancel { error }) => {
                self.error = Some(error);
                Ok(self.close(RunState::Cancelled, now))
            }
            (RunState::Queued, RunEvent::Skip(reason)) => {
                self.skip_reason = Some(reason);
                Ok(self.close(RunState::Skipped, now))
            }
            (RunState::Running, RunEvent::Extend { fence, lease_until }) => {
                self.check(fence)?;
                if let Some(claim) = &mut self.claim {
                    claim.lease_until = claim.lease_until.max(lease_until);
                }
                Ok(Transition::Extended)
            }
            (RunState::Running, RunEvent::Complete { fence, completion, isolation }) => {
                self.check(fence)?;
                self.isolation = isolation.or(self.isolation.take());
                Ok(self.complete(completion, now))
            }
            (RunState::Running, RunEvent::Rescue(rescue)) => self.rescue(rescue, now),
            (RunState::Running, RunEvent::Cancel { error }) => {
                // The first to ask is the one that the record names, and asking again changes nothing.
                if !self.cancel_requested {
                    self.cancel_requested = true;
                    self.error = Some(error);
                }
                Ok(Transition::CancelRequested)
            }
            (RunState::Queued, RunEvent::Extend { .. } | RunEvent::Complete { .. }) => Err(TransitionError::LostClaim),
            (state, _) => Err(TransitionError::NotAllowed(state)),
        }
    }

    fn check(&self, fence: Fence) -> Result<(), TransitionError> {
        if self.epoch == fence.epoch { Ok(()) } else { Err(TransitionError::LostClaim) }
    }

    fn start(
        &mut self,
        worker: WorkerId,
        lease_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Transition, TransitionError> {
        if now < self.not_before {
            return Err(TransitionError::NotDue);
        }
        self.state = RunState::Running;
        self.epoch += 1;
        self.claim = Some(Claim { worker, lease_until });
        self.started_at = Some(now);
        // Both told of the attempt before, whose record keeps its error.
        self.error = None;
        self.isolation = None;
        Ok(Transition::Started)
    }

    fn complete(&mut self, completion: Completion, now: DateTime<Utc>) -> Transition {
        let end = completion.attempt_end();
        match completion {
            Completion::Success(value) => {
                self.result = Some(value);
                self.end(RunState::Success, end, None, now)
            }
            Completion::Failed(error) => self.end(RunState::Failed, end, Some(error), now),
            Completion::Timeout(error) => self.end(RunState::Timeout, end, Some(error), now),
            Completion::Cancelled(error) => {
                // What the run was asked to end for is said by who asked, not by the worker that heard of it.
                let asked = self.error.take().filter(|_| self.cancel_requested);
                self.end(RunState::Cancelled, end, Some(asked.unwrap_or(error)), now)
            }
            Completion::Retry { error, not_before, .. } => {
                // An attempt that no other follows uses up no retry.
                self.failures += u32::from(!self.cancel_requested);
                self.requeue_unless_cancelled(not_before, end, error, now)
            }
            Completion::Release { not_before } => {
                let error = WireError::from(&Error::new(ErrorCode::WorkerLost, "the worker shut down"));
                self.requeue_unless_cancelled(not_before, end, error, now)
            }
        }
    }

    /// Queues the next attempt; a cancellation asked for meanwhile wins over it.
    fn requeue_unless_cancelled(
        &mut self,
        not_before: DateTime<Utc>,
        end: AttemptEnd,
        error: WireError,
        now: DateTime<Utc>,
    ) -> Transition {
        if self.cancel_requested {
            // `error` of a run asked to end says who asked.
            self.close(RunState::Cancelled, now);
            return Transition::Ended { end, error: Some(error) };
        }
        self.attempt += 1;
        self.state = RunState::Queued;
        self.claim = None;
        self.not_before = not_before;
        self.error = Some(error.clone());
        Transition::Ended { end, error: Some(error) }
    }

    fn rescue(&mut self, rescue: Rescue, now: DateTime<Utc>) -> Result<Transition, TransitionError> {
        if self.claim.as_ref().is_some_and(|claim| claim.lease_until > now) {
            return Err(TransitionError::LeaseHeld);
        }
        self.orphaned += 1;
        let lost = WireError::from(&Error::new(ErrorCode::WorkerLost, "the worker was lost"));
        let give_up = self.policy.delivery == Delivery::AtMostOnce || self.orphaned > MAX_ORPHANED;
        if give_up && !self.cancel_requested {
            return Ok(self.end(RunState::Failed, AttemptEnd::Lost, Some(lost), now));
        }
        Ok(self.requeue_unless_cancelled(rescue.not_before, AttemptEnd::Lost, lost, now))
    }

    fn end(&mut self, state: RunState, end: AttemptEnd, error: Option<WireError>, now: DateTime<Utc>) -> Transition {
        self.close(state, now);
        self.error.clone_from(&error);
        Transition::Ended { end, error }
    }

    fn close(&mut self, state: RunState, now: DateTime<Utc>) -> Transition {
        self.state = state;
        self.claim = None;
        // A clock that was set back must not make a run end before it started.
        self.completed_at = Some(self.started_at.map_or(now, |started| started.max(now)));
        Transition::Closed
    }
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
