//! What sources watch: how it is doing is known on every node, and nothing that needs the user stays unsaid.
//!
//! A source knows of what it watches itself; which node that is changes. So each node writes what it knows into records, where
//! the others read it, and where it outlives the node. While something cannot be watched before somebody acts, the deployments
//! whose triggers want it are `needs_attention`, each once for as long as it lasts: a user who resumes one anyway has the last word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::attention::{self, WatchTrouble};
use super::inner::{Inner, PATIENCE, answered};
use super::{measures, sources};
use crate::error::{Error, Result};
use crate::id::{DeploymentId, OwnerId};
use crate::model::{DeploymentStatus, PageOptions, Trigger, TriggerKind};
use crate::source::{AccountHealth, TriggerSource, WatchState, Watched};
use crate::store::{ListDeployments, Namespace, PutOptions};

/// The wait between two looks at the sources, in milliseconds.
const LOOK_MS: u64 = 1_000;
/// How many deployments are read at once.
const PAGE: usize = 200;
/// How long what has not changed stays unwritten, and deployments are not looked through again.
const AGAIN: TimeDelta = TimeDelta::seconds(60);
/// How long a node that watches is silent at most.
const SILENT: TimeDelta = TimeDelta::minutes(3);
/// For how long what was known of a watch is kept after the last word of it.
const KEPT: TimeDelta = TimeDelta::days(30);

/// What one node watches of all the others: a trigger's kind, whose, and what.
type Watch = (TriggerKind, OwnerId, Watched);

/// What is known of one watch, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    health: AccountHealth,
    /// The revisions that were marked since it last went well.
    marked: BTreeSet<(DeploymentId, u32)>,
    /// When it was written.
    at: DateTime<Utc>,
}

/// What this node has written of one watch.
#[derive(Debug)]
struct Published {
    kept: Option<Kept>,
    /// Since when this node watches.
    since: DateTime<Utc>,
    /// How often the triggers had changed when deployments were last looked through for it, and when that was.
    looked: Option<(u64, DateTime<Utc>)>,
}

/// Publishes until `shutdown`.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    if inner.rules.sources.is_empty() {
        return;
    }
    let mut published = BTreeMap::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = look(&inner, &mut published) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = inner.pause(LOOK_MS) => {}
        }
    }
}

/// Writes what has changed. What fails is written at the next look.
async fn look(inner: &Inner, published: &mut BTreeMap<Watch, Published>) {
    let mut watched_here = BTreeSet::new();
    for source in &inner.rules.sources {
        for health in source.health().into_iter().filter(|health| health.state != WatchState::Elsewhere) {
            let watch = (source.kind(), health.owner.clone(), health.watched.clone());
            watched_here.insert(watch.clone());
            let now = inner.clock.now();
            let before = published.entry(watch).or_insert_with(|| Published { kept: None, since: now, looked: None });
            if let Err(error) = answered(PATIENCE, tell(inner, source.as_ref(), health, before)).await {
                tracing::warn!(error = error.chain(), "how a watch is doing cannot be written, it is tried again");
            }
        }
    }
    // Another node writes of these now.
    published.retain(|watch, _| watched_here.contains(watch));
    for source in sources::health(inner) {
        let own = published.iter().filter(|((kind, ..), _)| *kind == source.kind);
        // One that never went well may have missed everything since it is watched.
        let seen = own.map(|(_, published)| {
            published.kept.as_ref().and_then(|kept| kept.health.last_success).unwrap_or(published.since)
        });
        measures::source(&source, seen.min(), inner.clock.now());
    }
}

async fn tell(
    inner: &Inner,
    source: &dyn TriggerSource,
    mut health: AccountHealth,
    before: &mut Published,
) -> Result<()> {
    let now = inner.clock.now();
    // What another process knew, or this one before it was started anew.
    let known = match &before.kept {
        Some(known) => Some(known.clone()),
        None => read(inner, source.kind(), &health.owner, &health.watched).await?,
    };
    let mut marked = BTreeSet::new();
    let mut recovered = false;
    if let Some(Kept { health: known, marked: before, .. }) = known {
        health.last_success = health.last_success.max(known.last_success);
        health.last_event = health.last_event.max(known.last_event);
        health.last_error = health.last_error.or(known.last_error);
        recovered = known.last_success < health.last_success;
        if !recovered {
            marked = before;
        }
    }
    let is_new = before.kept.as_ref().is_none_or(|kept| kept.health != health || now - kept.at >= AGAIN);
    if is_new {
        let kept = Kept { health: health.clone(), marked, at: now };
        write(inner, source.kind(), &kept).await?;
        before.kept = Some(kept);
    }
    if recovered {
        before.looked = None;
        inner.attention_now.notify_one();
    }
    let changes = *inner.trigger_changes.borrow();
    let is_due = before.looked.is_none_or(|(seen, at)| seen != changes || now - at >= AGAIN);
    if health.state == WatchState::NeedsAttention && is_due {
        before.looked = Some((changes, now));
        if let Some(kept) = &mut before.kept
            && mark(inner, source, &health, &mut kept.marked).await?
        {
            write(inner, source.kind(), kept).await?;
        }
    }
    Ok(())
}

/// Marks the active deployments whose triggers want what cannot be watched; says whether there were any.
async fn mark(
    inner: &Inner,
    source: &dyn TriggerSource,
    health: &AccountHealth,
    marked: &mut BTreeSet<(DeploymentId, u32)>,
) -> Result<bool> {
    let Some(error) = &health.last_error else { return Ok(false) };
    let before = marked.len();
    let mut page = PageOptions { limit: PAGE, ..PageOptions::default() };
    loop {
        let options = ListDeployments { status: Some(DeploymentStatus::Active), page, ..ListDeployments::default() };
        let listed = inner.store.deployments(&health.owner, options).await?;
        for overview in &listed.items {
            let revision = (overview.deployment.id, overview.deployment.revision);
            if !marked.contains(&revision) && wants(&overview.triggers, source, &health.watched).await? {
                let trouble = WatchTrouble { kind: source.kind(), watched: health.watched.clone(), since: error.at };
                attention::park_for_watch(inner, &overview.deployment, trouble, error).await?;
                marked.insert(revision);
            }
        }
        let Some(next) = listed.next else { return Ok(marked.len() > before) };
        page = PageOptions { limit: PAGE, after: Some(next) };
    }
}

async fn wants(triggers: &[Trigger], source: &dyn TriggerSource, watched: &Watched) -> Result<bool> {
    for trigger in triggers.iter().filter(|trigger| trigger.spec.kind == source.kind()) {
        if source.watched(trigger).await?.as_ref() == Some(watched) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Says whether something that could not be watched is watched again, or not wanted any more.
pub(super) async fn is_over(
    inner: &Inner,
    owner: &OwnerId,
    triggers: &[Trigger],
    trouble: &WatchTrouble,
) -> Result<bool> {
    let source = inner.rules.sources.iter().find(|source| source.kind() == trouble.kind);
    // Without the source, nothing here can say.
    let Some(source) = source else { return Ok(false) };
    if !wants(triggers, source.as_ref(), &trouble.watched).await? {
        return Ok(true);
    }
    let kept = read(inner, trouble.kind, owner, &trouble.watched).await?;
    Ok(kept.and_then(|kept| kept.health.last_success).is_some_and(|success| success > trouble.since))
}

async fn write(inner: &Inner, kind: TriggerKind, kept: &Kept) -> Result<()> {
    let value = serde_json::to_vec(kept).map_err(|error| Error::internal("encoding how a watch is doing", error))?;
    let options = PutOptions::at(kept.at).expiring(kept.at + KEPT);
    let Kept { health, .. } = kept;
    inner.store.put_record(&space(&health.owner), &key(kind, &health.watched), Bytes::from(value), options).await?;
    Ok(())
}

async fn read(inner: &Inner, kind: TriggerKind, owner: &OwnerId, watched: &Watched) -> Result<Option<Kept>> {
    let record = inner.store.record(&space(owner), &key(kind, watched), inner.clock.now()).await?;
    // One of another version says nothing, and is written over.
    Ok(record.and_then(|record| serde_json::from_slice(&record.value).ok()))
}

fn space(owner: &OwnerId) -> Namespace {
    Namespace::owned(owner, "watches")
}

fn key(kind: TriggerKind, watched: &Watched) -> String {
    format!("{}/{}/{}", kind.as_str(), watched.account, watched.place)
}

impl Engine {
    /// Returns how what a trigger has its source watch is doing, on whatever node that happens; `None` for a trigger that has
    /// nothing watched.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn watch_health(&self, trigger: &Trigger) -> Result<Option<AccountHealth>> {
        let inner = &self.inner;
        let kind = trigger.spec.kind;
        let source = inner.rules.sources.iter().find(|source| source.kind() == kind);
        let watched = match source {
            Some(source) => source.watched(trigger).await?,
            None => None,
        };
        let Some(watched) = watched else { return Ok(None) };
        let Some(Kept { mut health, at, .. }) = read(inner, kind, &trigger.owner, &watched).await? else {
            // A source that has just been told of it.
            return Ok(Some(AccountHealth::unknown(trigger.owner.clone(), watched)));
        };
        if inner.clock.now() - at > SILENT {
            // Who wrote that has gone, and nobody has taken over.
            health.state = WatchState::Elsewhere;
        }
        Ok(Some(health))
    }
}
