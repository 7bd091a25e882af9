//! Changes of runs: applied through the state machine, then written together.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::json::json;
use super::queue::QueuedRun;
use crate::error::Result;
use crate::id::{RunId, WorkerId};
use crate::model::{Attempt, AttemptEnd, Run, RunEvent, SkipReason, Transition, TransitionError};

/// Changes that were applied to runs and are not yet written.
#[derive(Debug, Default)]
pub struct Changes {
    changed: HashMap<RunId, RunProgress>,
    /// The attempts that began.
    pub started: Vec<AttemptStarted>,
    /// The attempts that ended.
    pub ended: Vec<AttemptEnded>,
}

/// The part of a run that changes. Not the run itself: its payload may be large.
#[derive(Debug, Clone)]
pub struct RunProgress {
    /// State, lease and earliest claim, with what names the run.
    pub run: QueuedRun,
    /// Why it was skipped.
    pub skip_reason: Option<SkipReason>,
    /// The number of its current attempt.
    pub attempt: u32,
    /// How many attempts failed.
    pub failures: u32,
    /// How many workers were lost.
    pub orphaned: u32,
    /// The fence of its latest claim.
    pub epoch: u64,
    /// Who holds it.
    pub worker: Option<WorkerId>,
    /// Whether somebody asked it to end.
    pub cancel_requested: bool,
    /// When its latest attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// The isolation it had, as JSON.
    pub isolation: Option<String>,
    /// Its error, as JSON.
    pub error: Option<String>,
    /// Its result, as JSON.
    pub result: Option<String>,
}

/// An attempt that began.
#[derive(Debug, Clone)]
pub struct AttemptStarted {
    /// The run.
    pub run: RunId,
    /// The fence of its claim.
    pub epoch: u64,
    /// Its number.
    pub number: u32,
    /// Who runs it.
    pub worker: WorkerId,
    /// When it began.
    pub at: DateTime<Utc>,
}

/// An attempt that ended.
#[derive(Debug, Clone)]
pub struct AttemptEnded {
    /// The run.
    pub run: RunId,
    /// The fence of its claim.
    pub epoch: u64,
    /// How it ended.
    pub end: AttemptEnd,
    /// Its error, as JSON.
    pub error: Option<String>,
    /// When it ended.
    pub at: DateTime<Utc>,
}

impl RunProgress {
    /// Takes it from a run.
    ///
    /// # Errors
    /// `INTERNAL` when something of it has no JSON.
    pub fn of(run: &Run) -> Result<Self> {
        Ok(Self {
            run: QueuedRun::from(run),
            skip_reason: run.skip_reason,
            attempt: run.attempt,
            failures: run.failures,
            orphaned: run.orphaned,
            epoch: run.epoch,
            worker: run.claim.as_ref().map(|claim| claim.worker.clone()),
            cancel_requested: run.cancel_requested,
            started_at: run.started_at,
            completed_at: run.completed_at,
            isolation: run.isolation.as_ref().map(json).transpose()?,
            error: run.error.as_ref().map(json).transpose()?,
            result: run.result.as_ref().map(json).transpose()?,
        })
    }
}

impl Changes {
    /// Applies an event to a run and keeps what is to be written.
    ///
    /// # Errors
    /// The state machine's refusal, within; nothing is kept then. `INTERNAL` when something has no JSON.
    pub fn apply(&mut self, run: &mut Run, event: RunEvent, now: DateTime<Utc>) -> Result<Result<(), TransitionError>> {
        let transition = match run.apply(event, now) {
            Ok(transition) => transition,
            Err(refused) => return Ok(Err(refused)),
        };
        match transition {
            Transition::Started => self.started.extend(run.claim.as_ref().map(|claim| AttemptStarted {
                run: run.id,
                epoch: run.epoch,
                number: run.attempt,
                worker: claim.worker.clone(),
                at: now,
            })),
            Transition::Ended { end, error } => self.ended.push(AttemptEnded {
                run: run.id,
                epoch: run.epoch,
                end,
                error: error.as_ref().map(json).transpose()?,
                at: run.started_at.map_or(now, |started| started.max(now)),
            }),
            Transition::Extended | Transition::Closed | Transition::CancelRequested => {}
        }
        // A run that changes twice is written as it was last.
        self.changed.insert(run.id, RunProgress::of(run)?);
        Ok(Ok(()))
    }

    /// Takes a run and its attempts as they are: those of another store.
    pub(super) fn restore(&mut self, run: &Run, attempts: &[Attempt]) -> Result<()> {
        self.changed.insert(run.id, RunProgress::of(run)?);
        for attempt in attempts {
            let Attempt { number, epoch, worker, started_at, ended_at, end, error } = attempt;
            let (number, epoch, worker, at) = (*number, *epoch, worker.clone(), *started_at);
            self.started.push(AttemptStarted { run: run.id, epoch, number, worker, at });
            if let (Some(end), Some(at)) = (*end, *ended_at) {
                let error = error.as_ref().map(json).transpose()?;
                self.ended.push(AttemptEnded { run: run.id, epoch, end, error, at });
            }
        }
        Ok(())
    }

    /// Returns the runs that changed, in the order of their ids.
    #[must_use]
    pub fn runs(&self) -> Vec<&RunProgress> {
        let mut runs: Vec<&RunProgress> = self.changed.values().collect();
        runs.sort_unstable_by_key(|progress| progress.run.id);
        runs
    }
}
