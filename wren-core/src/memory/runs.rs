//! Runs, attempts and logs in memory.

use std::ops::Bound;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::run_table::{KeySpace, StoredRun};
use super::state::State;
use super::{MemoryStore, micros};
use crate::error::{Error, Result, WireError};
use crate::id::{OwnerId, RunId};
use crate::model::{
    Attempt, Completion, DeploymentStatus, FireKey, LogEntry, NewRun, Page, Rescue, Run, RunEvent, RunState,
    TransitionError, Trigger, TriggerKind,
};
use crate::store::kit::{Place, cursor};
use crate::store::{
    Admission, AppendLogs, ClaimOptions, Claimed, Disposition, EnqueueRun, ExtendOutcome, FinishOptions, Fire, Fired,
    Held, ListRuns, LogsPruned, RecordFires, RunStore, admit, superseded,
};

/// The name of the list in its cursors.
const LIST: &str = "runs";

#[async_trait]
impl RunStore for MemoryStore {
    async fn record_fires(&self, options: RecordFires) -> Result<Vec<Fired>> {
        let RecordFires { fires, records, now } = options;
        let mut state = self.lock();
        state.put_all(records)?;
        Ok(fires.into_iter().map(|fire| state.fire(fire, micros(now))).collect())
    }

    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run> {
        let mut state = self.lock();
        let deployment = &state.owned(owner, run.deployment_id)?.deployment;
        let key = FireKey::Event(run.idempotency_key.unwrap_or_else(|| run.run_id.to_string()));
        let space = KeySpace::Manual(run.deployment_id);
        if let Some(first) = state.runs.by_key.get(&(space, key.dedupe_key())) {
            return state.run(*first).map(|stored| stored.run.clone());
        }
        if run.only_existing {
            return Err(crate::store::no_request());
        }
        if deployment.status == DeploymentStatus::Undeployed {
            return Err(crate::store::is_undeployed(deployment.id));
        }
        let revision = run.revision.unwrap_or(deployment.revision);
        if !(1..=deployment.revision).contains(&revision) {
            return Err(crate::store::no_revision(deployment.id, revision));
        }
        let now = micros(run.now);
        let new = NewRun {
            id: run.run_id,
            owner: owner.clone(),
            deployment_id: run.deployment_id,
            revision,
            trigger_id: None,
            trigger: TriggerKind::Manual,
            func: run.func,
            key,
            scheduled_for: now,
            payload: run.payload,
            policy: run.policy,
            not_before: now,
            correlation_id: run.correlation_id,
        };
        let queued = Run::queued(new, now);
        state.runs.insert(queued.clone());
        Ok(queued)
    }

    async fn claim(&self, options: ClaimOptions) -> Result<Claimed> {
        let now = micros(options.now);
        let mut state = self.lock();
        let mut runs = Vec::new();
        for id in state.runs.queue.pick(now, options.limits) {
            let event = RunEvent::Claim { worker: options.worker.clone(), lease_until: micros(now + options.lease) };
            let Some(Ok(run)) = state.runs.apply(id, event, now) else { continue };
            if let Some(stored) = state.deployments.get_mut(&run.deployment_id) {
                stored.last_run = stored.last_run.max(run.started_at);
            }
            runs.push(run);
        }
        Ok(Claimed { runs, next_at: state.runs.queue.next_at(now) })
    }

    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>> {
        let now = micros(now);
        let lease_until = micros(now + lease);
        let mut state = self.lock();
        let answers = held.into_iter().map(|held| {
            let event = RunEvent::Extend { fence: held.fence, lease_until };
            match state.runs.apply(held.run_id, event, now) {
                Some(Ok(run)) if run.cancel_requested => ExtendOutcome::CancelRequested,
                Some(Ok(_)) => ExtendOutcome::Held,
                Some(Err(_)) | None => ExtendOutcome::Lost,
            }
        });
        Ok(answers.collect())
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        let FinishOptions { held, completion, isolation, logs, now } = options;
        let completion = in_micros(completion);
        let mut state = self.lock();
        let Some(stored) = state.runs.runs.get_mut(&held.run_id) else { return Err(lost(held)) };
        if !holds(stored, held) {
            let repeated = stored.run.epoch == held.fence.epoch
                && stored.attempts.last().is_some_and(|attempt| attempt.end == Some(completion.attempt_end()));
            return if repeated { Ok(stored.run.clone()) } else { Err(lost(held)) };
        }
        stored.append(logs);
        let event = RunEvent::Complete { fence: held.fence, completion, isolation };
        state.runs.apply(held.run_id, event, micros(now)).and_then(Result::ok).ok_or_else(|| lost(held))
    }

    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>> {
        let mut state = self.lock();
        let answers = batch.into_iter().map(|logs| match state.runs.runs.get_mut(&logs.held.run_id) {
            Some(stored) if holds(stored, logs.held) => {
                stored.append(logs.lines);
                true
            }
            Some(_) | None => false,
        });
        Ok(answers.collect())
    }

    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>> {
        let now = micros(now);
        let mut state = self.lock();
        let ended = state.runs.queue.expired(now, limit);
        let rescue = RunEvent::Rescue(Rescue { not_before: now });
        Ok(ended.into_iter().filter_map(|id| state.runs.apply(id, rescue.clone(), now)?.ok()).collect())
    }

    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run> {
        let mut state = self.lock();
        state.owned_run(owner, id)?;
        match state.runs.apply(id, RunEvent::Cancel { error }, micros(now)) {
            Some(Ok(run)) => Ok(run),
            Some(Err(refusal)) => Err(conflict(id, refusal)),
            None => Err(crate::store::no_run(id)),
        }
    }

    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        let state = self.lock();
        state.owned_run(owner, id).map(|stored| (stored.run.clone(), stored.attempts.clone()))
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        let before = match &options.page.after {
            Some(text) => {
                let Place { at, id } = cursor::decode(LIST, text)?;
                Bound::Excluded((at, id))
            }
            None => Bound::Unbounded,
        };
        let limit = options.page.limit.max(1);
        let wanted = |run: &Run| {
            options.deployment_id.is_none_or(|id| run.deployment_id == id)
                && options.trigger_id.is_none_or(|id| run.trigger_id == Some(id))
                && options.trigger.is_none_or(|kind| run.trigger == kind)
                && (options.states.is_empty() || options.states.contains(&run.state))
                && options.until.is_none_or(|until| run.scheduled_for < micros(until))
        };
        let since = options.since.map(micros);
        let state = self.lock();
        let items = state
            .runs
            .by_owner
            .get(owner)
            .into_iter()
            .flat_map(|list| list.range((Bound::Unbounded, before)).rev())
            .take_while(|(due, _)| since.is_none_or(|since| *due >= since))
            .filter_map(|(_, id)| state.runs.runs.get(id))
            .map(|stored| &stored.run)
            .filter(|run| wanted(run))
            .take(limit.saturating_add(1))
            .cloned()
            .collect();
        Ok(Page::from_overread(items, limit, |last: &Run| cursor::encode(LIST, last.scheduled_for, last.id)))
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        let state = self.lock();
        let logs = &state.owned_run(owner, id)?.logs;
        let start = logs.partition_point(|entry| entry.seq <= after_seq);
        Ok(logs.iter().skip(start).take(limit).cloned().collect())
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        let before = micros(before);
        let mut state = self.lock();
        let old: Vec<RunId> =
            state.runs.completed.iter().take_while(|(at, _)| *at < before).take(limit).map(|(_, id)| *id).collect();
        for id in &old {
            state.runs.remove(*id);
        }
        Ok(old.len())
    }

    async fn prune_logs(
        &self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<LogsPruned> {
        let (since, before) = (since.map_or(DateTime::<Utc>::MIN_UTC, micros), micros(before));
        let mut state = self.lock();
        let table = &state.runs;
        let ended = table.completed.iter().skip_while(|(at, _)| *at < since).take_while(|(at, _)| *at < before);
        let is_wanted = |id: &RunId| {
            table.runs.get(id).is_some_and(|stored| stored.run.started_at.is_some() && !stored.run.logs_pruned)
        };
        let wanted: Vec<(DateTime<Utc>, RunId)> = ended.copied().filter(|(_, id)| is_wanted(id)).take(limit).collect();
        for (_, id) in &wanted {
            if let Some(stored) = state.runs.runs.get_mut(id) {
                stored.logs.clear();
                stored.run.logs_pruned = true;
            }
        }
        let next = wanted.last().filter(|_| wanted.len() == limit).map(|(at, _)| *at);
        Ok(LogsPruned { runs: wanted.len(), next })
    }
}

impl State {
    fn run(&self, id: RunId) -> Result<&StoredRun> {
        self.runs.runs.get(&id).ok_or_else(|| crate::store::no_run(id))
    }

    fn owned_run(&self, owner: &OwnerId, id: RunId) -> Result<&StoredRun> {
        let stored = self.run(id)?;
        if stored.run.owner == *owner { Ok(stored) } else { Err(crate::store::no_run(id)) }
    }

    fn fire(&mut self, fire: Fire, now: DateTime<Utc>) -> Fired {
        let Self { deployments, triggers, runs, .. } = self;
        let run_id = fire.run_id;
        let Some(trigger) = triggers.get_mut(&fire.trigger_id) else {
            return Fired { run_id, disposition: Disposition::Gone };
        };
        let key = match &fire.key {
            FireKey::Scheduled(at) => {
                trigger.cursor = trigger.cursor.max(micros(*at));
                FireKey::Scheduled(micros(*at))
            }
            FireKey::Event(key) => FireKey::Event(key.clone()),
        };
        if let Some(first) = runs.by_key.get(&(KeySpace::Trigger(trigger.id), key.dedupe_key())) {
            return Fired { run_id: *first, disposition: Disposition::Duplicate };
        }
        let status = deployments.get(&trigger.deployment_id).map_or(DeploymentStatus::Undeployed, |stored| {
            stored.deployment.status.at(fire.scheduled_for, stored.deployment.paused_until)
        });
        let has_active_run = runs.queue.has_of_trigger(trigger.id);
        let admission = admit(fire.skip, status, trigger.spec.policy.overlap, has_active_run);
        if admission == Admission::CancelPreviousAndQueue {
            for id in runs.queue.of_trigger(trigger.id) {
                runs.apply(id, RunEvent::Cancel { error: superseded() }, now);
            }
        }
        runs.insert(run_of(trigger, key, fire, now));
        if let Admission::Skip(reason) = admission {
            runs.apply(run_id, RunEvent::Skip(reason), now);
            return Fired { run_id, disposition: Disposition::Skipped(reason) };
        }
        Fired { run_id, disposition: Disposition::Queued }
    }
}

fn run_of(trigger: &Trigger, key: FireKey, fire: Fire, now: DateTime<Utc>) -> Run {
    let new = NewRun {
        id: fire.run_id,
        owner: trigger.owner.clone(),
        deployment_id: trigger.deployment_id,
        revision: trigger.revision,
        trigger_id: Some(trigger.id),
        trigger: trigger.spec.kind,
        func: trigger.spec.func.clone(),
        key,
        scheduled_for: micros(fire.scheduled_for),
        payload: fire.payload,
        policy: trigger.spec.policy.clone(),
        not_before: micros(fire.not_before),
        correlation_id: fire.correlation_id,
    };
    Run::queued(new, now)
}

fn holds(stored: &StoredRun, held: Held) -> bool {
    stored.run.state == RunState::Running && stored.run.epoch == held.fence.epoch
}

fn in_micros(completion: Completion) -> Completion {
    match completion {
        Completion::Retry { error, timed_out, not_before } => {
            Completion::Retry { error, timed_out, not_before: micros(not_before) }
        }
        Completion::Release { not_before } => Completion::Release { not_before: micros(not_before) },
        ended => ended,
    }
}

fn lost(held: Held) -> Error {
    conflict(held.run_id, TransitionError::LostClaim)
}

fn conflict(id: RunId, refusal: TransitionError) -> Error {
    crate::store::not_allowed(id, refusal)
}
