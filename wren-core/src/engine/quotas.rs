//! Where the engine holds what its owners do against their quotas.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::MutexGuard;

use super::Engine;
use super::inner::{Inner, PATIENCE, answered};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{DeploymentName, OwnerId, RunId};
use crate::model::{PageOptions, Run, SkipReason};
use crate::quota::{Ledger, Limit, Meter, Opened, Quota, QuotaOverrides, Quotas, Taken, Usage, next_day, overrides};
use crate::store::{Disposition, EnqueueRun, Fire, Fired, ListDeployments, RecordFires, RecordWrite};

/// How long what operators have set is taken to be what it was, without another look.
const FRESH: TimeDelta = TimeDelta::seconds(5);
/// How long it is while one call takes that look.
const GOOD: TimeDelta = TimeDelta::seconds(10);
/// How many deploys of different owners may be stored at once.
const TURNS: usize = 64;
/// How many deployments are read at once.
const PAGE: usize = 200;
/// How long a shutdown waits for the counters.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Knows what owners may use, and counts what they do.
#[derive(Debug)]
pub(super) struct QuotaKeeper {
    defaults: Quotas,
    known: Mutex<Option<(DateTime<Utc>, Arc<Known>)>>,
    // Whoever has it looks at what operators have set.
    looking: tokio::sync::Mutex<()>,
    ledger: Ledger,
    // Not one for each owner: a few that wait for each other cost less than a map that grows.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// What held when it was last looked.
#[derive(Debug)]
pub(super) struct Known {
    defaults: Quotas,
    own: HashMap<OwnerId, QuotaOverrides>,
}

impl Known {
    pub(super) fn of(&self, owner: &OwnerId) -> Quotas {
        self.own.get(owner).map_or(self.defaults, |own| own.over(self.defaults))
    }

    fn may_limit_runs(&self) -> bool {
        let limits = |own: &QuotaOverrides| matches!(own.runs_per_day, Some(Limit::AtMost(_)));
        self.defaults.runs_per_day.is_some() || self.own.values().any(limits)
    }
}

impl QuotaKeeper {
    pub(super) fn new(defaults: Quotas) -> Self {
        Self {
            defaults,
            known: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            ledger: Ledger::default(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Lets the ledger take blocks until what is returned is dropped: an engine that runs writes the rest back at its end.
    pub(super) fn open(&self) -> Opened<'_> {
        self.ledger.open()
    }

    /// Returns what holds for owners, as it was at most ten seconds ago: for what happens often. One call at a time asks the
    /// store, while the others go on with what it said before.
    pub(super) async fn known(&self, inner: &Inner) -> Result<Arc<Known>> {
        if let Some(known) = self.known_within(FRESH, inner.clock.now()) {
            return Ok(known);
        }
        let _turn = match self.looking.try_lock() {
            Ok(turn) => turn,
            Err(_) => match self.known_within(GOOD, inner.clock.now()) {
                Some(known) => return Ok(known),
                None => self.looking.lock().await,
            },
        };
        let now = inner.clock.now();
        // Whoever had the turn before may have looked.
        if let Some(known) = self.known_within(FRESH, now) {
            return Ok(known);
        }
        let own = answered(PATIENCE, overrides::all(&*inner.store, now)).await?;
        let known = Arc::new(Known { defaults: self.defaults, own });
        *self.known.lock() = Some((now, Arc::clone(&known)));
        Ok(known)
    }

    fn known_within(&self, age: TimeDelta, now: DateTime<Utc>) -> Option<Arc<Known>> {
        let known = self.known.lock();
        let (at, known) = known.as_ref()?;
        ((now - *at).abs() < age).then(|| Arc::clone(known))
    }

    /// Says whether anybody's runs are limited.
    pub(super) async fn may_limit_runs(&self, inner: &Inner) -> Result<bool> {
        Ok(self.known(inner).await?.may_limit_runs())
    }

    /// Returns what holds for an owner now, at the price of a read: before somebody is refused.
    async fn of(&self, inner: &Inner, owner: &OwnerId) -> Result<Quotas> {
        Ok(overrides::of(&*inner.store, owner, inner.clock.now()).await?.over(self.defaults))
    }

    /// Waits until no other deploy of the owner is being stored in this process. Two processes at once may go over a quota by
    /// what each of them stores at that moment.
    async fn deploy_turn(&self, owner: &OwnerId) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        owner.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        self.turns[place].lock().await
    }

    /// Refuses what would add a deployment or triggers beyond the owner's quotas. What is returned is to be held until the deploy
    /// is stored, so that of two at once the second is counted with the first; deploys without a quota wait for no other.
    pub(super) async fn check_deploy(
        &self,
        inner: &Inner,
        owner: &OwnerId,
        name: &DeploymentName,
        triggers: usize,
    ) -> Result<Option<MutexGuard<'_, ()>>> {
        let quotas = self.known(inner).await?.of(owner);
        if quotas.deployments.is_none() && quotas.triggers.is_none() {
            return Ok(None);
        }
        let turn = self.deploy_turn(owner).await;
        let has = Holdings::read(inner, owner, Some(name)).await?;
        let (wanted, now) = (triggers as u64, inner.clock.now());
        if has.faults(quotas, wanted, now).is_empty() {
            return Ok(Some(turn));
        }
        let mut faults = has.faults(self.of(inner, owner).await?, wanted, now);
        match faults.len() {
            // One needs no list of itself.
            0 | 1 => faults.pop().map_or(Ok(Some(turn)), Err),
            _ => Error::from_diagnostics(faults).map_or(Ok(Some(turn)), Err),
        }
    }

    /// Gives back what is not used, for the next start.
    pub(super) async fn close(&self, inner: &Inner) {
        if tokio::time::timeout(LAST_WAIT, self.ledger.close(&*inner.store, inner.clock.now())).await.is_err() {
            tracing::warn!("what quotas had left was not written back in time");
        }
    }
}

/// What an owner has.
struct Holdings {
    deployments: u64,
    triggers: u64,
    /// How many triggers the deployment of the name asked for has, if there is one.
    of_name: Option<u64>,
}

impl Holdings {
    async fn read(inner: &Inner, owner: &OwnerId, name: Option<&DeploymentName>) -> Result<Self> {
        let mut has = Self { deployments: 0, triggers: 0, of_name: None };
        let mut page = PageOptions::first(PAGE);
        loop {
            let listed = inner.store.deployments(owner, ListDeployments { page, ..ListDeployments::default() }).await?;
            for overview in &listed.items {
                let triggers = overview.triggers.len() as u64;
                has.deployments += 1;
                has.triggers += triggers;
                if name == Some(&overview.deployment.name) {
                    has.of_name = Some(triggers);
                }
            }
            if listed.next.is_none() {
                return Ok(has);
            }
            page = PageOptions { limit: PAGE, after: listed.next };
        }
    }

    /// Returns what a deploy of the name asked for, with so many triggers, would be over.
    fn faults(&self, quotas: Quotas, wanted: u64, now: DateTime<Utc>) -> Vec<Error> {
        let mut faults = Vec::new();
        if let Some(limit) = quotas.deployments
            && self.of_name.is_none()
            && self.deployments + 1 > limit
        {
            faults.push(Quota::Deployments.exceeded(limit, self.deployments, now));
        }
        let before = self.of_name.unwrap_or(0);
        if let Some(limit) = quotas.triggers
            && wanted > before
            && self.triggers - before + wanted > limit
        {
            faults.push(Quota::Triggers.exceeded(limit, self.triggers, now).with_detail("wanted", wanted));
        }
        faults
    }
}

/// Fires that have been counted and not been answered for. Those that are left when it is dropped go back to the ledger, but
/// for those that may have been recorded: they count.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    ledger: &'a Ledger,
    fires: HashMap<RunId, CountedFire>,
}

#[derive(Debug)]
struct CountedFire {
    owner: OwnerId,
    at: DateTime<Utc>,
    /// Whether the store was told of it, and has not said that there is no run.
    may_be_recorded: bool,
}

impl<'a> Counted<'a> {
    pub(super) fn new(inner: &'a Inner) -> Self {
        Self { ledger: inner.quotas.ledger(), fires: HashMap::new() }
    }

    /// Notes that the store is about to be told of fires. Returns those it had not been told of before: what it refuses for
    /// good is of these certain not to be recorded.
    fn tell(&mut self, fires: &[RunId]) -> Vec<RunId> {
        let mut first = Vec::new();
        for id in fires {
            if let Some(fire) = self.fires.get_mut(id)
                && !std::mem::replace(&mut fire.may_be_recorded, true)
            {
                first.push(*id);
            }
        }
        first
    }

    fn refused(&mut self, fires: &[RunId]) {
        for id in fires {
            if let Some(fire) = self.fires.get_mut(id) {
                fire.may_be_recorded = false;
            }
        }
    }

    /// Keeps what became a run, and gives the rest back.
    fn settle(&mut self, fires: &[RunId], fired: &[Fired]) {
        for (id, fired) in fires.iter().zip(fired) {
            let Some(fire) = self.fires.remove(id) else { continue };
            let is_used = match fired.disposition {
                Disposition::Queued => true,
                // An answer before was lost: this very run was recorded then.
                Disposition::Duplicate => fired.run_id == *id,
                Disposition::Skipped(_) | Disposition::Gone => false,
            };
            if !is_used {
                self.ledger.give_back((&fire.owner, Meter::Runs), 1, fire.at);
            }
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        for (_, fire) in self.fires.drain().filter(|(_, fire)| !fire.may_be_recorded) {
            self.ledger.give_back((&fire.owner, Meter::Runs), 1, fire.at);
        }
    }
}

/// Records fires, those of an owner whose quota of runs is used up as skipped for it; the earlier ones of a batch come first.
/// `owners` says whose each fire is; of a trigger that is gone nobody's.
///
/// A fire is counted before it is recorded, and given back when no run of it was queued. After an error it stays in `counted`,
/// under its run's id, for the next try: so it counts once, however often it is tried. What is never answered for counts if it
/// may have been recorded.
pub(super) async fn record_within_quotas(
    inner: &Inner,
    mut fires: Vec<Fire>,
    owners: &[Option<&OwnerId>],
    records: Vec<RecordWrite>,
    now: DateTime<Utc>,
    counted: &mut Counted<'_>,
) -> Result<Vec<Fired>> {
    let known = inner.quotas.known(inner).await?;
    if known.may_limit_runs() {
        count(inner, &known, &mut fires, owners, now, counted).await?;
    }
    let ids: Vec<RunId> = fires.iter().map(|fire| fire.run_id).collect();
    let told = counted.tell(&ids);
    let fired = answered(PATIENCE, inner.store.record_fires(RecordFires { fires, records, now })).await;
    match &fired {
        Ok(fired) => counted.settle(&ids, fired),
        // Whether they are recorded nobody knows.
        Err(error) if error.retryable() => {}
        Err(_) => counted.refused(&told),
    }
    fired
}

/// The fires of one owner that are to run.
struct Wanted<'a> {
    owner: &'a OwnerId,
    limit: u64,
    places: Vec<usize>,
}

impl Wanted<'_> {
    /// Takes as much of the quota for them as there is; returns how much.
    async fn take<'a>(&self, inner: &'a Inner, now: DateTime<Utc>) -> Result<Taken<'a>> {
        let (place, want) = ((self.owner, Meter::Runs), self.places.len() as u64);
        answered(PATIENCE, inner.quotas.ledger.take(&*inner.store, place, self.limit, want, now)).await
    }
}

/// Counts the fires that are to run, and marks those for which nothing is left.
async fn count(
    inner: &Inner,
    known: &Known,
    fires: &mut [Fire],
    owners: &[Option<&OwnerId>],
    now: DateTime<Utc>,
    counted: &mut Counted<'_>,
) -> Result<()> {
    let mut wanted: HashMap<&OwnerId, Wanted<'_>> = HashMap::new();
    for (place, fire) in fires.iter().enumerate() {
        let is_new = fire.skip.is_none() && !counted.fires.contains_key(&fire.run_id);
        let Some(owner) = owners[place].filter(|_| is_new) else { continue };
        let Some(limit) = known.of(owner).runs_per_day else { continue };
        wanted.entry(owner).or_insert_with(|| Wanted { owner, limit, places: Vec::new() }).places.push(place);
    }
    // Side by side: the first runs of a day are of many owners at once, and a store writes many at the price of one.
    let mut taking = Vec::with_capacity(wanted.len());
    for of_owner in wanted.values() {
        taking.push(of_owner.take(inner, now));
    }
    let taken = join_all(taking).await;
    let mut failed = None;
    for (of_owner, granted) in wanted.values().zip(taken) {
        let granted = match granted {
            Ok(granted) => usize::try_from(granted.spend()).unwrap_or(usize::MAX).min(of_owner.places.len()),
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        let (fit, over) = of_owner.places.split_at(granted);
        let fire = || CountedFire { owner: of_owner.owner.clone(), at: now, may_be_recorded: false };
        counted.fires.extend(fit.iter().map(|place| (fires[*place].run_id, fire())));
        if !over.is_empty() {
            tracing::warn!(owner = %of_owner.owner, skipped = over.len(), "the quota of runs a day is used up");
        }
        for place in over {
            fires[*place].skip = Some(SkipReason::Quota);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Queues a run that somebody asked for, if the owner's quota leaves one. A second request with a key is answered with the
/// first one's run whatever is left, and does not count; `may_repeat` says whether this can be one.
///
/// # Errors
/// `QUOTA_EXCEEDED`; those of [`RunStore::enqueue`](crate::store::RunStore::enqueue).
pub(super) async fn enqueue(inner: &Inner, owner: &OwnerId, run: EnqueueRun, may_repeat: bool) -> Result<Run> {
    let (keeper, now) = (&inner.quotas, run.now);
    let Some(limit) = keeper.known(inner).await?.of(owner).runs_per_day else {
        return inner.store.enqueue(owner, run).await;
    };
    let taken = match take_one(inner, owner, limit, now).await? {
        Some(taken) => taken,
        None => {
            if may_repeat && let Some(first) = asked_for_before(inner, owner, &run).await? {
                return Ok(first);
            }
            // The operator may have raised it just now.
            let Some(limit) = keeper.of(inner, owner).await?.runs_per_day else {
                return inner.store.enqueue(owner, run).await;
            };
            let exceeded = || Meter::Runs.quota().exceeded(limit, limit, now);
            take_one(inner, owner, limit, now).await?.ok_or_else(exceeded)?
        }
    };
    // From here on it may be recorded, also when whoever asks is gone: then it counts.
    taken.spend();
    let id: RunId = run.run_id;
    let queued = inner.store.enqueue(owner, run).await;
    let is_used = match &queued {
        Ok(queued) => queued.id == id,
        // Whether it is recorded nobody knows: then it counts.
        Err(error) => error.retryable(),
    };
    if !is_used {
        keeper.ledger.give_back((owner, Meter::Runs), 1, now);
    }
    queued
}

/// Takes one run of an owner's quota, if there is one.
async fn take_one<'a>(inner: &'a Inner, owner: &OwnerId, limit: u64, now: DateTime<Utc>) -> Result<Option<Taken<'a>>> {
    let taken = inner.quotas.ledger.take(&*inner.store, (owner, Meter::Runs), limit, 1, now).await?;
    Ok((taken.count() > 0).then_some(taken))
}

/// Returns the run of an earlier request with the same key, if there was one.
async fn asked_for_before(inner: &Inner, owner: &OwnerId, run: &EnqueueRun) -> Result<Option<Run>> {
    match inner.store.enqueue(owner, EnqueueRun { only_existing: true, ..run.clone() }).await {
        Ok(first) => Ok(Some(first)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Engine {
    /// Returns an owner's quotas, and what is used of them.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn usage(&self, owner: &OwnerId) -> Result<Usage> {
        let inner = &self.inner;
        let quotas = inner.quotas.of(inner, owner).await?;
        let has = Holdings::read(inner, owner, None).await?;
        let now = inner.clock.now();
        let used = async |meter: Meter| match quotas.limit(meter.quota()) {
            Some(_) => inner.quotas.ledger.used(&*inner.store, (owner, meter), now).await.map(Some),
            None => Ok(None),
        };
        Ok(Usage {
            quotas,
            deployments: has.deployments,
            triggers: has.triggers,
            runs_today: used(Meter::Runs).await?,
            log_bytes_today: used(Meter::LogBytes).await?,
            resets_at: next_day(now),
        })
    }
}
