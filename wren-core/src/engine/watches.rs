//! What sources watch: how it is doing is known on every node, and nothing that needs the user stays unsaid.
//!
//! A source knows of what it watches itself; which node that is changes. So each node writes what it knows into records, where
//! the others read it, and where it outlives the node. While something cannot be watched before somebody acts, the deployments
//! whose triggers want it are `needs_attention`, each once for as long as it lasts: a user who resumes one anyway has the last word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
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
/// For how long what was known of a watch is kept after the last word of it.
const KEPT: TimeDelta = TimeDelta::days(30);

/// What one node watches of all the others: a trigger's kind, whose, and what.
type Watch = (TriggerKind, OwnerId, Watched);

/// What this node has written of one watch.
#[derive(Debug, Default)]
struct Published {
    health: Option<AccountHealth>,
    /// The revisions that were marked since it last went well.
    marked: BTreeSet<(DeploymentId, u32)>,
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
    measures::sources(&sources::health(inner), inner.clock.now());
    let mut watched_here = BTreeSet::new();
    for source in &inner.rules.sources {
        for health in source.health().into_iter().filter(|health| health.state != WatchState::Elsewhere) {
            let watch = (source.kind(), health.owner.clone(), health.watched.clone());
            watched_here.insert(watch.clone());
            let before = published.entry(watch).or_default();
            if let Err(error) = answered(PATIENCE, tell(inner, source.as_ref(), health, before)).await {
                tracing::warn!(error = error.chain(), "how a watch is doing cannot be written, it is tried again");
            }
        }
    }
    // Another node writes of these now.
    published.retain(|watch, _| watched_here.contains(watch));
}

async fn tell(
    inner: &Inner,
    source: &dyn TriggerSource,
    mut health: AccountHealth,
    before: &mut Published,
) -> Result<()> {
    // What another process knew, or this one before it was started anew.
    let known = match &before.health {
        Some(known) => Some(known.clone()),
        None => read(inner, source.kind(), &health.owner, &health.watched).await?,
    };
    if let Some(known) = known {
        health.last_success = health.last_success.max(known.last_success);
        health.last_event = health.last_event.max(known.last_event);
        health.last_error = health.last_error.or(known.last_error);
    }
    let recovered = before.health.as_ref().is_some_and(|before| before.last_success < health.last_success);
    if recovered {
        before.marked.clear();
    }
    if before.health.as_ref() != Some(&health) {
        write(inner, source.kind(), &health).await?;
        before.health = Some(health.clone());
    }
    if recovered {
        inner.attention_now.notify_one();
    }
    if health.state == WatchState::NeedsAttention {
        mark(inner, source, &health, &mut before.marked).await?;
    }
    Ok(())
}

/// Marks the active deployments whose triggers want what cannot be watched.
async fn mark(
    inner: &Inner,
    source: &dyn TriggerSource,
    health: &AccountHealth,
    marked: &mut BTreeSet<(DeploymentId, u32)>,
) -> Result<()> {
    let Some(error) = &health.last_error else { return Ok(()) };
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
        let Some(next) = listed.next else { return Ok(()) };
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
    let health = read(inner, trouble.kind, owner, &trouble.watched).await?;
    Ok(health.and_then(|health| health.last_success).is_some_and(|success| success > trouble.since))
}

async fn write(inner: &Inner, kind: TriggerKind, health: &AccountHealth) -> Result<()> {
    let value = serde_json::to_vec(health).map_err(|error| Error::internal("encoding how a watch is doing", error))?;
    let now = inner.clock.now();
    let options = PutOptions::at(now).expiring(now + KEPT);
    inner.store.put_record(&space(&health.owner), &key(kind, &health.watched), Bytes::from(value), options).await?;
    Ok(())
}

async fn read(inner: &Inner, kind: TriggerKind, owner: &OwnerId, watched: &Watched) -> Result<Option<AccountHealth>> {
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
        let known = read(inner, kind, &trigger.owner, &watched).await?;
        // A source that has just been told of it.
        Ok(Some(known.unwrap_or_else(|| AccountHealth::unknown(trigger.owner.clone(), watched))))
    }
}
