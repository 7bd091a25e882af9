//! What is used in a day, counted in the store in blocks.

use std::collections::HashMap;

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
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    day: NaiveDate,
    left: HashMap<(OwnerId, Meter), u64>,
}

impl Held {
    /// Forgets what was taken on another day: it cannot be used any more.
    fn on(&mut self, day: NaiveDate) -> &mut HashMap<(OwnerId, Meter), u64> {
        if self.day != day {
            *self = Self { day, left: HashMap::new() };
        }
        &mut self.left
    }
}

impl Ledger {
    /// Takes `want` for an owner, or as much as the limit leaves; returns how much.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; nothing was taken, but for at most a block whose writing has an unknown outcome.
    pub(crate) async fn take(
        &self,
        records: &(impl RecordStore + ?Sized),
        (owner, meter): (&OwnerId, Meter),
        limit: u64,
        want: u64,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let day = now.date_naive();
        let ready = {
            let mut held = self.held.lock();
            match held.on(day).get_mut(&(owner.clone(), meter)) {
                Some(left) => {
                    let ready = want.min(*left);
                    *left -= ready;
                    ready
                }
                None => 0,
            }
        };
        let missing = want - ready;
        if missing == 0 {
            return Ok(ready);
        }
        match raise(records, (owner, meter), limit, missing, now).await {
            Ok(taken) => {
                let used = taken.min(missing);
                self.give_back((owner, meter), taken - used, now);
                Ok(ready + used)
            }
            Err(error) => {
                self.give_back((owner, meter), ready, now);
                Err(error)
            }
        }
    }

    /// Gives back what was taken at an instant and is not used; on another day it is worth nothing.
    pub(crate) fn give_back(&self, (owner, meter): (&OwnerId, Meter), count: u64, taken: DateTime<Utc>) {
        let mut held = self.held.lock();
        if count == 0 || held.day > taken.date_naive() {
            return;
        }
        *held.on(taken.date_naive()).entry((owner.clone(), meter)).or_insert(0) += count;
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
        let left = self.held.lock().on(day).get(&(owner.clone(), meter)).copied().unwrap_or(0);
        Ok(taken.saturating_sub(left))
    }

    /// Writes back all that is not used, for the other engines and the next start.
    pub(crate) async fn close(&self, records: &(impl RecordStore + ?Sized), now: DateTime<Utc>) {
        let left = std::mem::take(self.held.lock().on(now.date_naive()));
        let back = left.into_iter().filter(|(_, left)| *left > 0).map(|((owner, meter), left)| async move {
            if let Err(error) = lower(records, (&owner, meter), left, now).await {
                // The owner has so much less today.
                tracing::warn!(%owner, error = error.chain(), "what a quota had left was not written back");
            }
        });
        stream::iter(back).buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

/// Raises a counter by a block, or by `missing` where that is more, up to the limit; returns by how much.
async fn raise(
    records: &(impl RecordStore + ?Sized),
    place: (&OwnerId, Meter),
    limit: u64,
    missing: u64,
    now: DateTime<Utc>,
) -> Result<u64> {
    let (_, meter) = place;
    change(records, place, now, |taken| {
        let left = limit.saturating_sub(taken);
        taken + missing.max(meter.block(left)).min(left)
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
