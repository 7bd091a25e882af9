//! Deployments that wait for their user.
//!
//! A run that fails for want of the user parks its deployment: its due times are skipped as `needs_attention`, and its status
//! has one link. A record beside it says what is waited for. Once an integration's credential is another one than then, by
//! whatever way it came, the deployment is made active again, and what was missed is caught up with as the triggers' policies
//! say: a due time keeps its one record, and what makes up for it is a run of its own, named after that record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::inner::{Inner, PATIENCE, answered, millis};
use super::quotas::{Counted, record_within_quotas};
use super::watches;
use crate::error::{Error, ErrorClass, ErrorCode, Result, WireError};
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId};
use crate::model::{
    CatchUp, Deployment, DeploymentOverview, DeploymentStatus, FireKey, PageOptions, Run, RunState, SkipReason,
    Trigger, TriggerKind,
};
use crate::source::{WatchError, Watched};
use crate::store::{Expect, Fire, ListRuns, Namespace, PutOptions, Record, SetStatus, StatusGuard};
use crate::vault::CredentialStatus;

/// The wait between two looks at what is waited for, in milliseconds: another process may have set a credential.
const LOOK_MS: u64 = 2_000;
/// How many records or runs are read, or runs recorded, at once.
const PAGE: usize = 200;
/// How many runs are read with what their events brought, and recorded, at once.
const AT_ONCE: usize = 20;
/// How much older than its record an event may be, and be made up for.
const OLDEST_EVENT: TimeDelta = TimeDelta::days(30);
/// How often a record that others change, too, is tried to be changed.
const TRIES: u32 = 20;
/// How long after the record the deployment may be marked.
const MARKING: TimeDelta = TimeDelta::seconds(60);
/// What the keys of runs begin with that make up for others.
const RESUMED: &str = "resumed:";

/// What a parked deployment waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parked {
    owner: OwnerId,
    /// What the first of the failed runs was due for: nothing that was missed is older.
    due: DateTime<Utc>,
    /// When the first of the failed runs was recorded: no event that was missed was recorded before.
    #[serde(default)]
    recorded: Option<DateTime<Utc>>,
    /// The credentials any of which has to change, each as it did not do; none where there was none.
    credentials: BTreeMap<String, Option<Refused>>,
    /// What cannot be watched for its triggers, any of which has to go well again.
    #[serde(default)]
    watches: Vec<WatchTrouble>,
    /// When it was written.
    at: DateTime<Utc>,
    /// Whether the deployment has been marked since: before that, an active one is not one that somebody resumed.
    marked: bool,
}

/// Something that a source cannot watch before somebody acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct WatchTrouble {
    pub(super) kind: TriggerKind,
    pub(super) watched: Watched,
    /// When it last went wrong.
    pub(super) since: DateTime<Utc>,
}

/// A credential that did not do.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Refused {
    version: u64,
    /// What it allowed, when that was too little: a credential that was renewed without the user allows no more.
    scopes: Option<Vec<String>>,
}

impl Refused {
    fn by(status: CredentialStatus, code: ErrorCode) -> Self {
        let too_little = code == ErrorCode::OauthScopeMissing && !status.scopes.is_empty();
        Self { version: status.version, scopes: too_little.then_some(status.scopes) }
    }

    /// Says whether the credential there is now may do.
    fn is_mended(&self, status: &CredentialStatus) -> bool {
        status.version > self.version && self.scopes.as_ref().is_none_or(|scopes| *scopes != status.scopes)
    }
}

fn space() -> Namespace {
    Namespace::system("attention")
}

/// Marks a run's deployment as waiting for its user.
pub(super) async fn park(inner: &Inner, run: &Run, error: &WireError) -> Result<()> {
    let now = inner.clock.now();
    let parked = Parked {
        owner: run.owner.clone(),
        due: run.scheduled_for,
        recorded: Some(run.created_at),
        credentials: credentials(inner, run, error, now).await?,
        watches: Vec::new(),
        at: now,
        marked: false,
    };
    let why = (error.message.clone(), error.action_url.clone());
    park_as(inner, run.deployment_id, run.revision, parked, why).await
}

/// Marks a deployment as waiting for somebody who makes what its triggers watch watchable again.
pub(super) async fn park_for_watch(
    inner: &Inner,
    deployment: &Deployment,
    trouble: WatchTrouble,
    error: &WatchError,
) -> Result<()> {
    let now = inner.clock.now();
    let parked = Parked {
        owner: deployment.owner.clone(),
        due: now,
        recorded: Some(now),
        credentials: BTreeMap::new(),
        watches: vec![trouble],
        at: now,
        marked: false,
    };
    inner.parked_for_watches.store(true, Ordering::Release);
    let hint = error.hint.iter().map(|hint| format!("; {hint}")).collect::<String>();
    let why = (format!("{}{hint}", error.message), error.action_url.clone());
    park_as(inner, deployment.id, deployment.revision, parked, why).await
}

async fn park_as(
    inner: &Inner,
    id: DeploymentId,
    revision: u32,
    parked: Parked,
    (reason, action_url): (String, Option<String>),
) -> Result<()> {
    let (key, owner, now) = (id.to_string(), parked.owner.clone(), parked.at);
    // The record first: a deployment that is marked and has none would wait for ever.
    write(inner, &key, parked).await?;
    let change = SetStatus {
        status: DeploymentStatus::NeedsAttention,
        reason: Some(reason),
        action_url,
        paused_until: None,
        // A user who paused, removed or redeployed it meanwhile has the last word.
        only_if: Some(StatusGuard { status: DeploymentStatus::Active, revision, paused_until: None }),
        now,
    };
    let overview = inner.store.set_status(&owner, id, change).await?;
    if overview.deployment.status == DeploymentStatus::NeedsAttention {
        mark(inner, &key).await?;
    }
    inner.run_changes.some();
    Ok(())
}

/// Writes what is waited for, together with what was waited for already. Every write is a new version, so that whoever was
/// about to forget the one before does not.
async fn write(inner: &Inner, key: &str, parked: Parked) -> Result<()> {
    change(inner, key, |before| {
        let mut parked = parked.clone();
        if let Some(before) = before {
            parked.due = parked.due.min(before.due);
            parked.recorded = parked.recorded.min(before.recorded);
            parked.marked = before.marked;
            for (name, refused) in &before.credentials {
                parked.credentials.entry(name.clone()).or_insert_with(|| refused.clone());
            }
            let is_other = |before: &&WatchTrouble| parked.watches.iter().all(|new| new.watched != before.watched);
            let others: Vec<_> = before.watches.iter().filter(is_other).cloned().collect();
            parked.watches.extend(others);
        }
        Some(parked)
    })
    .await
}

/// Notes that the deployment has been marked.
async fn mark(inner: &Inner, key: &str) -> Result<()> {
    change(inner, key, |before| {
        before.filter(|before| !before.marked).map(|before| Parked { marked: true, ..before.clone() })
    })
    .await
}

/// Changes a record at the version that was read, again while others change it, too; `None` leaves it as it is.
async fn change(inner: &Inner, key: &str, to: impl Fn(Option<&Parked>) -> Option<Parked>) -> Result<()> {
    for _ in 0..TRIES {
        let now = inner.clock.now();
        let record = inner.store.record(&space(), key, now).await?;
        let before = record.as_ref().and_then(read);
        let Some(parked) = to(before.as_ref()) else { return Ok(()) };
        let value =
            serde_json::to_vec(&parked).map_err(|error| Error::internal("encoding what is waited for", error))?;
        let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
        match inner.store.put_record(&space(), key, Bytes::from(value), PutOptions::at(now).expecting(expect)).await {
            Err(error) if error.code() == ErrorCode::Conflict => {}
            written => return written.map(drop),
        }
    }
    Err(Error::new(ErrorCode::StoreUnavailable, "what a deployment waits for changes too often to be written"))
}

/// Returns the credentials that an error is about, where another one would do: a quota or a permission is mended elsewhere, and
/// the user says when. A credential that was not there is noted as such even if it is by now: the user was quick, and is not to
/// wait. Not so for a run that makes up for another one, or a platform that does not use its credentials would go round for ever.
async fn credentials(
    inner: &Inner,
    run: &Run,
    error: &WireError,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, Option<Refused>>> {
    let one = error.details.get("integration").and_then(Value::as_str);
    let several = error.details.get("integrations").and_then(Value::as_array);
    let names = one.into_iter().chain(several.into_iter().flatten().filter_map(Value::as_str));
    let mut credentials = BTreeMap::new();
    for name in names {
        let makes_up = matches!(&run.key, FireKey::Event(key) if key.starts_with(RESUMED));
        let refused = match error.code {
            ErrorCode::QuotaExceeded | ErrorCode::PermissionDenied => continue,
            ErrorCode::IntegrationNotConfigured if !makes_up => None,
            code => inner.vault.status(&run.owner, name, now).await?.map(|status| Refused::by(status, code)),
        };
        credentials.insert(name.to_owned(), refused);
    }
    Ok(credentials)
}

/// Says whether an error is one that only the user can mend.
pub(super) fn only_the_user_can_mend(error: &WireError) -> bool {
    error.class == ErrorClass::UserFacingConfigError && !error.retryable
}

/// Looks after parked deployments until `shutdown`.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            looked = look(&inner) => {
                if let Err(error) = looked {
                    tracing::error!(error = error.chain(), "looking after deployments that need attention failed");
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = inner.attention_now.notified() => {}
            () = inner.pause(LOOK_MS) => {}
        }
    }
}

async fn look(inner: &Inner) -> Result<()> {
    let mut after: Option<String> = None;
    let mut for_watches = false;
    loop {
        let page = inner.store.records(&space(), "", after.as_deref(), PAGE, inner.clock.now()).await?;
        for record in &page {
            // One that cannot be settled keeps no other waiting.
            if let Err(error) = settle(inner, record).await {
                tracing::warn!(deployment_id = record.key, error = error.chain(), "a parked deployment stays parked");
            }
        }
        for_watches |= page.iter().filter_map(read).any(|parked| !parked.watches.is_empty());
        if page.len() < PAGE {
            // One that is parked at this moment is not lost: the next look sees it.
            inner.parked_for_watches.store(for_watches, Ordering::Release);
            return Ok(());
        }
        after = page.last().map(|record| record.key.clone());
    }
}

/// Ends the wait of a trigger's deployment for what the trigger watches: an event of that is to come.
pub(super) async fn seen(inner: &Inner, trigger: &Trigger, watched: &Watched) -> Result<()> {
    let key = trigger.deployment_id.to_string();
    let Some(record) = inner.store.record(&space(), &key, inner.clock.now()).await? else { return Ok(()) };
    let is_it = |trouble: &WatchTrouble| trouble.kind == trigger.spec.kind && trouble.watched == *watched;
    let waits_for_it_alone = |parked: Parked| {
        parked.credentials.is_empty() && !parked.watches.is_empty() && parked.watches.iter().all(is_it)
    };
    if read(&record).is_some_and(waits_for_it_alone) {
        // What was missed is for the next look: the event is not to wait for it.
        decide(inner, &record, true).await?;
        inner.attention_now.notify_one();
    }
    Ok(())
}

fn read(record: &Record) -> Option<Parked> {
    serde_json::from_slice(&record.value).ok()
}

/// Ends the wait of a deployment if its user has acted, and makes up for what was missed.
async fn settle(inner: &Inner, record: &Record) -> Result<()> {
    let Some((parked, overview)) = answered(PATIENCE, decide(inner, record, false)).await? else { return Ok(()) };
    catch_up(inner, &parked, &overview).await?;
    answered(PATIENCE, forget(inner, record)).await?;
    inner.more_work();
    inner.run_changes.some();
    Ok(())
}

/// Makes a deployment active again if the wait `is_over`, or its user has acted. Returns it when what it has missed is to be made
/// up for.
async fn decide(inner: &Inner, record: &Record, is_over: bool) -> Result<Option<(Parked, DeploymentOverview)>> {
    let forgotten = |()| None;
    let id: Option<DeploymentId> = record.key.parse().ok();
    let (Some(parked), Some(id)) = (read(record), id) else { return forget(inner, record).await.map(forgotten) };
    let overview = match inner.store.deployment(&parked.owner, id).await {
        Err(error) if error.code() == ErrorCode::NotFound => return forget(inner, record).await.map(forgotten),
        overview => overview?,
    };
    let overview = match overview.deployment.status {
        // By the user's own word, whatever was missed is not wanted.
        DeploymentStatus::Undeployed | DeploymentStatus::Paused => return forget(inner, record).await.map(forgotten),
        DeploymentStatus::Active if parked.marked => overview,
        // About to be marked. Unless whoever was about to is gone: then the run has failed and that is all.
        DeploymentStatus::Active if (inner.clock.now() - parked.at).abs() < MARKING => return Ok(None),
        DeploymentStatus::Active => return forget(inner, record).await.map(forgotten),
        // Before anything else: what follows is then gone on with, whoever begins it.
        DeploymentStatus::NeedsAttention if !parked.marked => return mark(inner, &record.key).await.map(forgotten),
        DeploymentStatus::NeedsAttention if is_over || acted(inner, &parked, &overview.triggers).await? => {
            let change = SetStatus {
                status: DeploymentStatus::Active,
                reason: None,
                action_url: None,
                paused_until: None,
                only_if: Some(StatusGuard::of(&overview.deployment)),
                now: inner.clock.now(),
            };
            let overview = inner.store.set_status(&parked.owner, id, change).await?;
            if overview.deployment.status != DeploymentStatus::Active {
                return Ok(None);
            }
            tracing::info!(deployment_id = %id, "the user has acted: a deployment goes on");
            overview
        }
        DeploymentStatus::NeedsAttention => return Ok(None),
    };
    Ok(Some((parked, overview)))
}

async fn forget(inner: &Inner, record: &Record) -> Result<()> {
    // Another node may have been here, or the deployment is parked anew.
    let at = Expect::Version(record.version);
    match inner.store.delete_record(&space(), &record.key, at, inner.clock.now()).await {
        Err(error) if error.code() == ErrorCode::Conflict => Ok(()),
        deleted => deleted.map(drop),
    }
}

async fn acted(inner: &Inner, parked: &Parked, triggers: &[Trigger]) -> Result<bool> {
    for trouble in &parked.watches {
        if watches::is_over(inner, &parked.owner, triggers, trouble).await? {
            return Ok(true);
        }
    }
    let now = inner.clock.now();
    for (name, refused) in &parked.credentials {
        let status = inner.vault.status(&parked.owner, name, now).await?;
        let may_do = |status: &CredentialStatus| refused.as_ref().is_none_or(|refused| refused.is_mended(status));
        if status.is_some_and(|status| may_do(&status) && !status.is_expired(now)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has what was missed run again, as far as the triggers' policies want it. Done twice it is the same as done once.
async fn catch_up(inner: &Inner, parked: &Parked, overview: &DeploymentOverview) -> Result<()> {
    let now = inner.clock.now();
    for trigger in &overview.triggers {
        let missed = missed(inner, parked, trigger).await?;
        let wanted = wanted(trigger, &missed, now, inner.options.max_catch_up);
        if !wanted.is_empty() {
            let (deployment_id, runs) = (overview.deployment.id, wanted.len());
            tracing::info!(%deployment_id, trigger_id = %trigger.id, runs, "catching up after needs_attention");
        }
        for some in wanted.chunks(AT_ONCE) {
            let mut fires = Vec::with_capacity(some.len());
            for missed in some {
                // Only now with what the event brought: there may be many, and some of these are large.
                let (run, _) = answered(PATIENCE, inner.store.run(&parked.owner, missed.id)).await?;
                fires.push(Fire {
                    run_id: RunId::new(),
                    trigger_id: trigger.id,
                    key: FireKey::Event(format!("{RESUMED}{}", missed.id)),
                    scheduled_for: missed.scheduled_for,
                    payload: run.payload,
                    not_before: now,
                    skip: None,
                    correlation_id: CorrelationId::generate(),
                });
            }
            let owners = vec![Some(&parked.owner); fires.len()];
            let mut counted = Counted::new(inner);
            let recorded = record_within_quotas(inner, fires, &owners, Vec::new(), now, &mut counted).await;
            recorded?;
        }
    }
    Ok(())
}

/// A run that the user's absence has kept from running.
#[derive(Debug, Clone, Copy)]
struct Missed {
    id: RunId,
    scheduled_for: DateTime<Utc>,
}

/// Returns the runs of a trigger that the user's absence has kept from running, oldest first.
async fn missed(inner: &Inner, parked: &Parked, trigger: &Trigger) -> Result<Vec<Missed>> {
    let of_events = trigger.spec.schedule.is_none();
    // An event may be older than when it was seen: it counts from when it was recorded.
    let recorded = parked.recorded.filter(|_| of_events);
    let since = recorded.map_or(parked.due, |recorded| recorded - OLDEST_EVENT);
    let mut missed = Vec::new();
    let mut page = PageOptions { limit: PAGE, ..PageOptions::default() };
    loop {
        let list = ListRuns { trigger_id: Some(trigger.id), since: Some(since), page, ..ListRuns::default() };
        let listed = answered(PATIENCE, inner.store.runs(&parked.owner, list)).await?;
        let in_time = |run: &Run| recorded.is_none_or(|recorded| run.created_at >= recorded);
        let kept = listed.items.iter().filter(|run| in_time(run)).filter(|run| match run.state {
            RunState::Skipped => run.skip_reason == Some(SkipReason::NeedsAttention),
            // Not the first one alone: others may have been on their way when it failed.
            RunState::Failed => run.error.as_ref().is_some_and(only_the_user_can_mend),
            _ => false,
        });
        missed.extend(kept.map(|run| Missed { id: run.id, scheduled_for: run.scheduled_for }));
        // Latest first: what is older than these is wanted by no schedule's policy.
        let enough = !of_events && missed.len() > inner.options.max_catch_up;
        if listed.next.is_none() || enough {
            missed.sort_by_key(|run| (run.scheduled_for, run.id));
            return Ok(missed);
        }
        page = PageOptions { limit: PAGE, after: listed.next };
    }
}

/// Chooses what is made up for, by the trigger's own policy.
fn wanted<'a>(trigger: &Trigger, missed: &'a [Missed], now: DateTime<Utc>, most: usize) -> &'a [Missed] {
    let last = |count: usize, of: &'a [Missed]| &of[of.len().saturating_sub(count)..];
    let from = |begins: DateTime<Utc>| &missed[missed.partition_point(|run| run.scheduled_for < begins)..];
    let Some(schedule) = &trigger.spec.schedule else {
        return trigger.spec.max_event_age_ms.map_or(missed, |age| from(now - millis(age)));
    };
    let within = from(now - millis(schedule.catch_up_window_ms));
    match schedule.catch_up {
        CatchUp::None => &[],
        CatchUp::Latest => last(1, within),
        CatchUp::All => last(most, within),
    }
}
