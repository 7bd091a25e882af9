//! Buckets that several servers share through their store.

use std::collections::HashMap;

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore};
use wren_core::{Error, ErrorCode, KeyId, Result};

use super::bucket::{Bucket, RateLimit, Taken};

/// How many keys this server has tokens of: beyond it they are taken one at a time.
const MOST: usize = 10_000;
/// How long tokens are good that were taken for what is to come, in microseconds: what an idle server holds must not add to
/// a burst later.
const GOOD_FOR: i64 = 10_000_000;
/// How often a record that others change, too, is tried to be changed.
const TRIES: u32 = 20;

/// The tokens that this server has taken and not used.
#[derive(Debug, Default)]
pub(super) struct Shared {
    taken: Mutex<HashMap<KeyId, Lease>>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    tokens: u32,
    until: i64,
    /// Before this instant there are none in the store either.
    empty_until: i64,
    /// What was seen of the bucket.
    seen: Taken,
}

impl Shared {
    /// Takes a token of a key's bucket.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub(super) async fn take(
        &self,
        records: &(impl RecordStore + ?Sized),
        limit: RateLimit,
        key: KeyId,
        now: DateTime<Utc>,
    ) -> Result<Taken> {
        let micros = now.timestamp_micros();
        if let Some(taken) = self.at_hand(limit, key, micros) {
            return Ok(taken);
        }
        // A tenth of the burst: so few that servers which hold some for themselves make no difference to speak of, and
        // enough that most requests cost no write.
        let block = (limit.burst() / 10).max(1);
        let (space, name) = (Namespace::system("rate_limits"), key.to_string());
        for _ in 0..TRIES {
            let record = records.record(&space, &name, now).await?;
            let bucket = record.as_ref().map_or_else(Bucket::default, |record| read(&record.value));
            let (after, seen) = bucket.take(limit, micros, block);
            if seen.granted > 0 {
                let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
                let full = now + TimeDelta::microseconds(seen.full_in);
                // Longer than it takes to fill, for servers whose clocks differ.
                let options = PutOptions::at(now).expecting(expect).expiring(full + TimeDelta::minutes(1));
                let value = Bytes::from(after.micros().to_string());
                match records.put_record(&space, &name, value, options).await {
                    Err(error) if error.code() == ErrorCode::Conflict => continue,
                    written => written.map(drop)?,
                }
            }
            return Ok(self.keep(key, seen, micros));
        }
        Err(Error::new(ErrorCode::StoreUnavailable, "a key's bucket changes too often to be written"))
    }

    /// Takes a token that is here, or says that there is none anywhere.
    fn at_hand(&self, limit: RateLimit, key: KeyId, now: i64) -> Option<Taken> {
        let mut taken = self.taken.lock();
        let lease = taken.get_mut(&key)?;
        // A clock that was set back must not keep anybody out, nor tokens good for longer.
        let is_of_now = |until: i64, most: i64| now < until && until - now <= most;
        if lease.tokens > 0 && is_of_now(lease.until, GOOD_FOR) {
            lease.tokens -= 1;
            return Some(Taken { granted: 1, left: lease.seen.left + lease.tokens, ..lease.seen });
        }
        is_of_now(lease.empty_until, 60_000_000 / i64::from(limit.requests_per_minute())).then(|| Taken {
            granted: 0,
            left: 0,
            wait: lease.empty_until - now,
            ..lease.seen
        })
    }

    /// Keeps what was taken but for one.
    fn keep(&self, key: KeyId, seen: Taken, now: i64) -> Taken {
        let mut taken = self.taken.lock();
        if taken.len() >= MOST && !taken.contains_key(&key) {
            taken.retain(|_, lease| lease.until > now && lease.tokens > 0);
        }
        if seen.granted == 0 {
            if taken.len() < MOST || taken.contains_key(&key) {
                taken.insert(key, Lease { tokens: 0, until: now, empty_until: now + seen.wait, seen });
            }
            return seen;
        }
        let mut tokens = seen.granted - 1;
        if taken.len() < MOST || taken.contains_key(&key) {
            let lease = taken.entry(key).or_insert(Lease { tokens: 0, until: now, empty_until: now, seen });
            if lease.until <= now {
                lease.tokens = 0;
            }
            // Two requests may have taken some at once.
            lease.tokens += tokens;
            tokens = lease.tokens;
            (lease.until, lease.empty_until, lease.seen) = (now + GOOD_FOR, now, seen);
        }
        Taken { granted: 1, left: seen.left + tokens, ..seen }
    }
}

/// Reads a bucket. One that cannot be read is full.
fn read(value: &Bytes) -> Bucket {
    let micros = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    micros.map_or_else(Bucket::default, Bucket::full_at)
}

#[cfg(test)]
mod tests {
    use wren_core::memory::MemoryStore;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn servers_that_are_asked_in_turn_give_no_more_than_one_alone() {
        let (store, limit, key) = (MemoryStore::new(), RateLimit::default(), KeyId::new());
        let servers = [Shared::default(), Shared::default(), Shared::default()];
        let mut given = 0;
        for turn in 0..300 {
            given += servers[turn % 3].take(&store, limit, key, noon()).await.unwrap().granted;
        }
        assert_eq!(given, 100);
        let refused = servers[0].take(&store, limit, key, noon()).await.unwrap();
        assert_eq!((refused.granted, refused.wait_s()), (0, 1));
        let later = noon() + TimeDelta::seconds(1);
        let mut given = 0;
        for turn in 0..30 {
            given += servers[turn % 3].take(&store, limit, key, later).await.unwrap().granted;
        }
        assert_eq!(given, 10);
    }

    #[tokio::test]
    async fn most_requests_write_nothing() {
        let (store, server, key) = (MemoryStore::new(), Shared::default(), KeyId::new());
        let mut versions = std::collections::BTreeSet::new();
        for _ in 0..100 {
            server.take(&store, RateLimit::default(), key, noon()).await.unwrap();
            let record = store.record(&Namespace::system("rate_limits"), &key.to_string(), noon()).await.unwrap();
            versions.insert(record.unwrap().version);
        }
        assert_eq!(versions.len(), 10);
    }

    #[tokio::test]
    async fn tokens_that_were_taken_and_not_used_end() {
        let (store, server, key) = (MemoryStore::new(), Shared::default(), KeyId::new());
        server.take(&store, RateLimit::default(), key, noon()).await.unwrap();
        // Full again by now: the nine that were left are not on top of it.
        let later = noon() + TimeDelta::seconds(60);
        let mut given = 0;
        for _ in 0..200 {
            given += server.take(&store, RateLimit::default(), key, later).await.unwrap().granted;
        }
        assert_eq!(given, 100);
    }
}
