//! What is used in a day, counted in the store in blocks.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;

use super::{Quota, next_day};
use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;
use crate::store::{Expect, Namespace, PutOptions, Record, RecordStore};

/// How often a counter that other engines change, too, is tried to be changed.
const TRIES: u32 = 50;
/// How many counters of different owners may be raised at once.
const TURNS: usize = 64;
/// How many counters are written back at once.
const AT_ONCE: usize = 64;

/// What is counted by the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Meter {
    /// Runs that were queued.
    Runs,
    /// Bytes that were printed.
    LogBytes,
}

impl Meter {
    /// Returns the quota that it is held against.
    pub(crate) const fn quota(self) -> Quota {
        match self {
            Self::Runs => Quota::RunsPerDay,
            Self::LogBytes => Quota::LogBytesPerDay,
        }
    }

    /// Returns how much is taken at once when so much is left: small near the end, so that of several engines none keeps
    /// what another needs.
    fn block(self, left: u64) -> u64 {
        match self {
            Self::Runs => (left / 16).clamp(1, 64),
            // Not single bytes: each block is a write.
            Self::LogBytes => (left / 16).clamp(4 * 1024, 256 * 1024),
        }
    }

    fn key(self, day: NaiveDate) -> String {
        match self {
            Self::Runs => format!("runs/{day}"),
            Self::LogBytes => format!("log_bytes/{day}"),
        }
    }
}

/// What this engine has taken of the day's counters and not used yet.
///
/// A counter is a record of its owner that says how much has been taken, written at the version that was read, and ends a day
/// after its own. It is raised before anything is used: a crash leaves it too high by what had been taken and was not
/// used, never too low.
///
/// Blocks are taken while the ledger is [open](Self::open), since only then somebody will write back what is left of them;
/// otherwise exactly what is asked for is.
#[derive(Debug)]
pub(crate) struct Ledger {
    held: Mutex<Held>,
    // One call for an owner's meter raises the counter at a time, and those that waited look at what it brought. Not one for
    // each owner: a few that wait for each other cost less than a map that grows.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

impl Default for Ledger {
    fn default() -> Self {
        Self { held: Mutex::default(), turns: std::array::from_fn(|_| tokio::sync::Mutex::default()) }
    }
}

#[derive(Debug, Default)]
struct Held {
    is_open: bool,
    day: NaiveDate,
    left: HashMap<(OwnerId, Meter), u64>,
}

impl Held {
    /// Turns to a day; says whether it is the one of which something may be held. A later one than before is, and what was taken
    /// on the day before is forgotten: it cannot be used any more. An earlier one is not: around midnight calls of both days
    /// are under way. One that is earlier by more was never followed by the other; a clock was wrong.
    fn turn_to(&mut self, day: NaiveDate) -> bool {
        if day > self.day || self.day - day > TimeDelta::days(1) {
            self.day = day;
            self.left.clear();
        }
        self.day == day
    }
}

/// What was taken and has not been used: it goes back to the ledger unless it is [spent](Self::spend), also when whoever took
/// it is dropped meanwhile.
#[derive(Debug)]
#[must_use]
pub(crate) struct Taken<'a> {
    ledger: &'a Ledger,
    place: (OwnerId, Meter),
    count: u64,
    at: DateTime<Utc>,
}

impl Taken<'_> {
    /// Returns how much it is.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Uses all of it; returns how much it was.
    pub(crate) fn spend(mut self) -> u64 {
        std::mem::take(&mut self.count)
    }

    /// Uses so much of it, or all there is.
    pub(crate) fn spend_some(&mut self, count: u64) {
        self.count = self.count.saturating_sub(count);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let (owner, meter) = &self.place;
        self.ledger.give_back((owner, *meter), self.count, self.at);
    }
}

impl Ledger {
    /// Lets blocks be taken until what is returned is dropped.
    pub(crate) fn open(&self) -> Opened<'_> {
        self.held.lock().is_open = true;
        Opened(self)
    }

    /// Takes `want` for an owner, or as much as the limit leaves.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; nothing was taken, but for at most a block whose writing has an unknown outcome.
    pub(crate) async fn take(
        &self,
        records: &(impl RecordStore + ?Sized),
        place: (&OwnerId, Meter),
        limit: u64,
        want: u64,
        now: DateTime<Utc>,
    ) -> Result<Taken<'_>> {
        let (owner, meter) = place;
        let mut taken = Taken { ledger: self, place: (owner.clone(), meter), count: 0, at: now };
        self.take_held(&mut taken, want);
        if taken.count == want {
            return Ok(taken);
        }
        let _turn = self.turns[turn_of(place)].lock().await;
        // Whoever had the turn before may have brought enough.
        self.take_held(&mut taken, want);
        let missing = want - taken.count;
        if missing == 0 {
            return Ok(taken);
        }
        let may_hold = {
            let mut held = self.held.lock();
            held.turn_to(now.date_naive()) && held.is_open
        };
        let raised = raise(records, place, limit, missing, may_hold, now).await?;
        let used = raised.min(missing);
        taken.count += used;
        self.give_back(place, raised - used, now);
        Ok(taken)
    }

    /// Takes what is here of what is still missing.
    fn take_held(&self, taken: &mut Taken<'_>, want: u64) {
        let mut held = self.held.lock();
        if held.turn_to(taken.at.date_naive())
            && let Some(left) = held.left.get_mut(&taken.place)
        {
            let ready = (want - taken.count).min(*left);
            *left -= ready;
            taken.count += ready;
        }
    }

    /// Gives back what was taken at an instant and is not used; on another day it is worth nothing.
    pub(crate) fn give_back(&self, (owner, meter): (&OwnerId, Meter), count: u64, taken: DateTime<Utc>) {
        let mut held = self.held.lock();
        if count > 0 && held.turn_to(taken.date_naive()) {
            *held.left.entry((owner.clone(), meter)).or_insert(0) += count;
        }
    }

    /// Returns how much of a day's counter is used: without what this engine has taken and not used yet.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub(crate) async fn used(
        &self,
        records: &(impl RecordStore + ?Sized),
        (owner, meter): (&OwnerId, Meter),
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let day = now.date_naive();
        let taken = records.record(&space(owner), &meter.key(day), now).await?.as_ref().map_or(0, count);
        let held = self.held.lock();
        let left = held.left.get(&(owner.clone(), meter)).filter(|_| held.day == day).copied();
        Ok(taken.saturating_sub(left.unwrap_or(0)))
    }

    /// Writes back all that is not used, for the other engines and the next start. From here on no block is taken.
    pub(crate) async fn close(&self, records: &(impl RecordStore + ?Sized), now: DateTime<Utc>) {
        self.held.lock().is_open = false;
        // Those that are raising a counter at this moment bring what they do not use.
        for turn in &self.turns {
            drop(turn.lock().await);
        }
        let left = {
            let mut held = self.held.lock();
            match held.turn_to(now.date_naive()) {
                true => std::mem::take(&mut held.left),
                false => HashMap::new(),
            }
        };
        let back = left.into_iter().filter(|(_, left)| *left > 0).map(|((owner, meter), left)| async move {
            if let Err(error) = lower(records, (&owner, meter), left, now).await {
                // The owner has so much less today.
                tracing::warn!(%owner, error = error.chain(), "what a quota had left was not written back");
            }
        });
        stream::iter(back).buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

/// A ledger that takes blocks.
#[derive(Debug)]
#[must_use]
pub(crate) struct Opened<'a>(&'a Ledger);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.held.lock().is_open = false;
    }
}

fn turn_of(place: (&OwnerId, Meter)) -> usize {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0)
}

/// Raises a counter by `missing`, or by a block where that is more and may be held, up to the limit; returns by how much.
async fn raise(
    records: &(impl RecordStore + ?Sized),
    place: (&OwnerId, Meter),
    limit: u64,
    missing: u64,
    may_hold: bool,
    now: DateTime<Utc>,
) -> Result<u64> {
    let (_, meter) = place;
    change(records, place, now, |taken| {
        let left = limit.saturating_sub(taken);
        let block = if may_hold { meter.block(left) } else { 0 };
        taken + missing.max(block).min(left)
    })
    .await
    .map(|(before, after)| after - before)
}

async fn lower(
    records: &(impl RecordStore + ?Sized),
    place: (&OwnerId, Meter),
    by: u64,
    now: DateTime<Utc>,
) -> Result<()> {
    change(records, place, now, |taken| taken.saturating_sub(by)).await.map(drop)
}

/// Changes a counter at the version that was read, again while others change it, too. Returns what it was and is.
async fn change(
    records: &(impl RecordStore + ?Sized),
    (owner, meter): (&OwnerId, Meter),
    now: DateTime<Utc>,
    to: impl Fn(u64) -> u64,
) -> Result<(u64, u64)> {
    let (space, key) = (space(owner), meter.key(now.date_naive()));
    for _ in 0..TRIES {
        let record = records.record(&space, &key, now).await?;
        let before = record.as_ref().map_or(0, count);
        let after = to(before);
        if after == before {
            return Ok((before, after));
        }
        let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
        // A day longer than its own, for engines whose clocks differ.
        let options = PutOptions::at(now).expecting(expect).expiring(next_day(now) + TimeDelta::days(1));
        match records.put_record(&space, &key, Bytes::from(after.to_string()), options).await {
            Ok(_) => return Ok((before, after)),
            Err(error) if error.code() == ErrorCode::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorCode::StoreUnavailable, "a quota's counter changes too often to be written"))
}

/// Reads a counter. One that cannot be read counts as nothing: it is written anew.
fn count(record: &Record) -> u64 {
    std::str::from_utf8(&record.value).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn space(owner: &OwnerId) -> Namespace {
    Namespace::owned(owner, "usage")
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
