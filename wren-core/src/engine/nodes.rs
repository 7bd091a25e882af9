//! Sharing the triggers out between the engines on one store.
//!
//! Each engine, a *node* here, keeps a record of itself that expires; each part of the triggers has a record with the name of the
//! node that plans it. At each turn a node renews its record, reads all of them, gives up what is more than its fair share and takes
//! what belongs to nobody or to a node whose record has expired. Records are written at the version that was read, so of two
//! nodes that want a part one gets it.
//!
//! Nothing that Wren promises rests on this: (trigger, due time) is unique in the store, so two nodes that plan the same trigger for
//! a moment make one run of each due time. It saves the work of all planning everything.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::inner::{Inner, PATIENCE, answered, millis};
use super::shards::fair_share;
use crate::error::{Error, ErrorCode, Result};
use crate::id::{DeploymentId, OwnerId};
use crate::store::{Expect, Namespace, Peers, PutOptions, Record, Signals};

const NODES: &str = "node/";
const SHARDS: &str = "shard/";
const CHANGES: &str = "changed/";
/// How long the word of a changed deployment stays: longer than any node goes without a turn and still counts as alive, and
/// longer than the reconciler's interval, which finds what a node has missed all the same. In milliseconds.
const WORD_MS: u64 = 10 * 60 * 1000;
/// How many records are read at once.
const PAGE: usize = 1_000;

/// Where the records live.
fn space() -> Namespace {
    Namespace::system("nodes")
}

/// Takes part until `shutdown`, then leaves, so that the others need not wait for a lease to end.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    let Some(peers) = inner.store.peers() else { return };
    let mut node = Node::new(&inner, peers);
    // The record of a node that is gone ends after two thirds of a lease, and a turn comes every sixth: so its triggers are
    // planned again within one.
    let turn_ms = (inner.options.lease_ms / 6).max(50);
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let turn = tokio::select! {
            turn = answered(PATIENCE, node.turn()) => turn,
            () = shutdown.cancelled() => break,
        };
        match turn {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                tracing::error!(error = error.chain(), "sharing the triggers out failed, trying again");
                tokio::select! {
                    () = inner.back_off(failures) => continue,
                    () = shutdown.cancelled() => break,
                }
            }
        }
        tokio::select! {
            () = inner.pause(turn_ms) => {}
            () = hear(&inner, peers) => {}
            () = shutdown.cancelled() => {}
        }
    }
    if let Err(error) = answered(PATIENCE, node.leave()).await {
        tracing::warn!(error = error.chain(), "leaving the other nodes failed: they wait until the lease ends");
    }
}

/// Passes on what others tell, until it is about the plan.
async fn hear(inner: &Inner, peers: &dyn Peers) {
    loop {
        let signals = peers.signalled().await;
        if signals.work {
            inner.work.notify_one();
        }
        if signals.cancel {
            inner.look_for_cancelled_here();
        }
        inner.run_changes.some();
        if signals.plan {
            return;
        }
    }
}

/// Leaves word that the triggers of a deployment have changed, for the node that plans them.
pub(super) async fn announce(inner: &Inner, owner: &OwnerId, id: DeploymentId) {
    let Some(peers) = inner.store.peers() else { return };
    let now = inner.clock.now();
    let options = PutOptions::at(now).expiring(now + millis(WORD_MS));
    let value = Bytes::copy_from_slice(owner.as_str().as_bytes());
    let (space, key) = (space(), format!("{CHANGES}{id}"));
    let put = inner.store.put_record(&space, &key, value, options);
    match answered(PATIENCE, put).await {
        Ok(_) => peers.signal(Signals::PLAN),
        // Their reconcilers find it within their interval.
        Err(error) => tracing::warn!(error = error.chain(), "telling the other nodes of a deployment failed"),
    }
}

/// What the records say, of those that have not expired.
#[derive(Default)]
struct View {
    /// Sorted.
    nodes: Vec<String>,
    /// Who has each part that somebody has, and the version of the record.
    holders: HashMap<u32, (String, u64)>,
    changed: Vec<Record>,
}

/// This engine among the others.
struct Node<'a> {
    inner: &'a Inner,
    peers: &'a dyn Peers,
    name: String,
    /// Of this node's record; `None` before there is one, or when it may have expired.
    version: Option<u64>,
    /// The words of changes that were heeded.
    heeded: HashMap<String, u64>,
}

impl<'a> Node<'a> {
    fn new(inner: &'a Inner, peers: &'a dyn Peers) -> Self {
        let name = inner.options.worker.as_str().to_owned();
        Self { inner, peers, name, version: None, heeded: HashMap::new() }
    }

    async fn turn(&mut self) -> Result<()> {
        let inner = self.inner;
        let now = inner.clock.now();
        let until = now + inner.lease() * 2 / 3;
        self.renew(now, until).await?;
        let view = self.look(now).await?;
        inner.shards.set_alone(view.nodes.len() == 1);
        let held = self.balance(&view, now).await?;
        self.hold(&held, view.nodes.len());
        inner.shards.hold_until(until);
        self.heed(&view.changed).await?;
        // The firing loop may be waiting for the right to fire.
        inner.plan_changed.notify_one();
        Ok(())
    }

    /// Renews this node's record, or makes a new one. One that had expired may have cost everything, which the look says.
    async fn renew(&mut self, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<()> {
        let (space, key) = (space(), format!("{NODES}{}", self.name));
        let put = |expect| {
            let options = PutOptions { expect, expires_at: Some(until), now };
            self.inner.store.put_record(&space, &key, Bytes::new(), options)
        };
        let renewed = match self.version {
            Some(version) => match put(Expect::Version(version)).await {
                Err(error) if error.code() == ErrorCode::Conflict => {
                    tracing::warn!("this node was away for longer than its lease");
                    put(Expect::Any).await
                }
                renewed => renewed,
            },
            None => {
                let joined = put(Expect::Any).await;
                self.peers.signal(Signals::PLAN);
                joined
            }
        };
        // After a failure it is unknown which version there is.
        self.version = renewed.as_ref().ok().copied();
        renewed.map(drop)
    }

    async fn look(&self, now: DateTime<Utc>) -> Result<View> {
        let mut view = View::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.inner.store.records(&space(), "", after.as_deref(), PAGE, now).await?;
            after = page.last().map(|record| record.key.clone());
            let is_last = page.len() < PAGE;
            for record in page {
                if let Some(name) = record.key.strip_prefix(NODES) {
                    view.nodes.push(name.to_owned());
                } else if let Some(shard) = record.key.strip_prefix(SHARDS).and_then(|shard| shard.parse().ok()) {
                    let holder = String::from_utf8_lossy(&record.value).into_owned();
                    view.holders.insert(shard, (holder, record.version));
                } else if record.key.starts_with(CHANGES) {
                    view.changed.push(record);
                }
            }
            if is_last {
                view.nodes.sort_unstable();
                return Ok(view);
            }
        }
    }

    /// Gives up and takes parts until this node has its fair share of them; returns those that it has then.
    async fn balance(&self, view: &View, now: DateTime<Utc>) -> Result<BTreeSet<u32>> {
        let share = fair_share(&view.nodes, &self.name);
        let mut held: BTreeSet<u32> =
            view.holders.iter().filter(|(_, (holder, _))| *holder == self.name).map(|(shard, _)| *shard).collect();
        let surplus: Vec<u32> = held.iter().skip(share).copied().collect();
        if !surplus.is_empty() {
            held.retain(|shard| !surplus.contains(shard));
            // First this node stops, then another one may begin.
            self.inner.keep_shards(&held);
            for shard in surplus {
                self.give_up(shard, view, now).await?;
            }
            self.peers.signal(Signals::PLAN);
        }
        for shard in 0..super::shards::SHARDS {
            if held.len() >= share {
                break;
            }
            let expect = match view.holders.get(&shard) {
                None => Expect::Absent,
                Some((holder, version)) if view.nodes.binary_search(holder).is_err() => Expect::Version(*version),
                Some(_) => continue,
            };
            let name = Bytes::copy_from_slice(self.name.as_bytes());
            let put = PutOptions { expect, expires_at: None, now };
            if yes(self.inner.store.put_record(&space(), &key_of(shard), name, put).await)? {
                held.insert(shard);
            }
        }
        Ok(held)
    }

    async fn give_up(&self, shard: u32, view: &View, now: DateTime<Utc>) -> Result<()> {
        let Some((_, version)) = view.holders.get(&shard) else { return Ok(()) };
        let expect = Expect::Version(*version);
        yes(self.inner.store.delete_record(&space(), &key_of(shard), expect, now).await).map(drop)
    }

    /// Plans the triggers of the parts that this node has from now on, and no others.
    fn hold(&self, held: &BTreeSet<u32>, nodes: usize) {
        let before = self.inner.shards.list();
        if *held == before {
            return;
        }
        tracing::info!(shards = held.len(), nodes, "this node plans another part of the triggers");
        self.inner.keep_shards(held);
        if !held.is_subset(&before) {
            self.inner.reconcile_now.notify_one();
        }
    }

    /// Reads deployments anew that others have changed.
    async fn heed(&mut self, changed: &[Record]) -> Result<()> {
        for record in changed {
            if self.heeded.get(&record.key) == Some(&record.version) {
                continue;
            }
            let id = record.key.strip_prefix(CHANGES).and_then(|id| id.parse::<DeploymentId>().ok());
            let owner = std::str::from_utf8(&record.value).ok().and_then(|owner| OwnerId::new(owner).ok());
            if let (Some(id), Some(owner)) = (id, owner) {
                self.plan_anew(&owner, id).await?;
                self.inner.triggers_changed();
            }
            self.heeded.insert(record.key.clone(), record.version);
        }
        let keys: HashSet<&str> = changed.iter().map(|record| record.key.as_str()).collect();
        self.heeded.retain(|key, _| keys.contains(key.as_str()));
        Ok(())
    }

    async fn plan_anew(&self, owner: &OwnerId, id: DeploymentId) -> Result<()> {
        let triggers = match self.inner.store.deployment(owner, id).await {
            Ok(overview) => overview.triggers,
            Err(error) if error.code() == ErrorCode::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let wanted: HashSet<u128> = triggers.iter().map(|trigger| trigger.id.uuid().as_u128()).collect();
        let planned: Vec<u128> = {
            let planned = self.inner.planned.read();
            planned.iter().filter(|(_, one)| one.deployment_id == id).map(|(key, _)| *key).collect()
        };
        planned.into_iter().filter(|key| !wanted.contains(key)).for_each(|key| self.inner.unplan(key));
        for trigger in &triggers {
            let known = self.inner.planned.read().get(&trigger.id.uuid().as_u128()).map(|planned| planned.revision);
            // One that is planned already is further than the cursor says, which moves only when a due time is recorded.
            if known.is_none_or(|revision| revision < trigger.revision) {
                self.inner.plan(trigger);
            }
        }
        Ok(())
    }

    /// Gives everything up.
    async fn leave(&mut self) -> Result<()> {
        let now = self.inner.clock.now();
        let view = self.look(now).await?;
        self.inner.keep_shards(&BTreeSet::new());
        for (shard, (holder, _)) in &view.holders {
            if *holder == self.name {
                self.give_up(*shard, &view, now).await?;
            }
        }
        let key = format!("{NODES}{}", self.name);
        self.inner.store.delete_record(&space(), &key, Expect::Any, now).await?;
        self.peers.signal(Signals::PLAN);
        Ok(())
    }
}

fn key_of(shard: u32) -> String {
    format!("{SHARDS}{shard:02}")
}

/// Turns the loss of a race into a no.
fn yes<T>(done: Result<T, Error>) -> Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(error) if error.code() == ErrorCode::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}
