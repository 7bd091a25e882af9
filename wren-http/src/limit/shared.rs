//! Buckets that several servers share through their store.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore};
use wren_core::{Error, ErrorCode, KeyId, Result};

use super::bucket::{Bucket, RateLimit, Taken};

/// How many keys this server has tokens of: of those beyond it they are taken one at a time.
const MOST: usize = 10_000;
/// How often, in microseconds, it is looked for those that need no place any more, while there is none.
const SWEEP: i64 = 1_000_000;
/// How long tokens are good that were taken for what is to come, in microseconds: what an idle server holds must not add to
/// a burst later.
const GOOD_FOR: i64 = 10_000_000;
/// How much earlier, in microseconds, a request may have come than the one that took tokens before it: they wait for each other.
const WAITED: i64 = 1_000_000;
/// How often a record that others change, too, is tried to be changed.
const TRIES: u32 = 20;
/// How many keys' records this server may change at once.
const TURNS: usize = 64;

/// The tokens that this server has taken and not used.
#[derive(Debug)]
pub(super) struct Shared {
    taken: Mutex<Leases>,
    // One request with a key asks the store at a time, and those that waited take what it brought. Not one for each key: a few
    // that wait for each other cost less than a map that grows.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

impl Default for Shared {
    fn default() -> Self {
        Self { taken: Mutex::default(), turns: std::array::from_fn(|_| tokio::sync::Mutex::default()) }
    }
}

#[derive(Debug, Default)]
struct Leases {
    all: HashMap<KeyId, Lease>,
    swept: i64,
}

impl Leases {
    /// Says whether a key has a place, or there is one for it.
    fn has_room(&mut self, key: &KeyId, now: i64) -> bool {
        if self.all.contains_key(key) {
            return true;
        }
        if self.all.len() >= MOST && (now - self.swept).abs() >= SWEEP {
            self.swept = now;
            self.all.retain(|_, lease| lease.until > now && lease.tokens > 0);
        }
        self.all.len() < MOST
    }
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
        let _turn = self.turns[turn_of(key)].lock().await;
        // Whoever had the turn before may have brought some for this request, too.
        if let Some(taken) = self.at_hand(limit, key, micros) {
            return Ok(taken);
        }
        // A tenth of the burst: so few that servers which hold some for themselves make no difference to speak of, and
        // enough that most requests cost no write. What has no place here would be lost.
        let block = if self.taken.lock().has_room(&key, micros) { (limit.burst() / 10).max(1) } else { 1 };
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
        let lease = taken.all.get_mut(&key)?;
        // A clock that was set back must not keep anybody out, nor tokens good for longer.
        let is_of_now = |until: i64, most: i64| now < until && until - now <= most + WAITED;
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
        // What is here still is another request's that came at the same time, and is nobody's to throw away.
        let here = taken.all.get(&key).filter(|lease| lease.until > now).copied();
        let before = here.map_or(0, |lease| lease.tokens);
        let tokens = before + seen.granted.saturating_sub(1);
        if taken.has_room(&key, now) {
            let lease = match seen.granted {
                0 => Lease { tokens, until: here.map_or(now, |lease| lease.until), empty_until: now + seen.wait, seen },
                // Not until now: one that came earlier and waited is not told so either.
                _ => Lease { tokens, until: now + GOOD_FOR, empty_until: i64::MIN, seen },
            };
            taken.all.insert(key, lease);
        }
        match seen.granted {
            0 => seen,
            _ => Taken { granted: 1, left: seen.left + tokens, ..seen },
        }
    }
}

fn turn_of(key: KeyId) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0)
}

/// Reads a bucket. One that cannot be read is full.
fn read(value: &Bytes) -> Bucket {
    let micros = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    micros.map_or_else(Bucket::default, Bucket::full_at)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures::future::join_all;
    use wren_core::memory::MemoryStore;
    use wren_core::store::{Record, RecordKey};

    use super::*;

    /// Lets others go first at each call, as a store beyond a network does, and counts what is written.
    #[derive(Debug, Default)]
    struct Distant {
        store: MemoryStore,
        written: AtomicUsize,
    }

    #[async_trait]
    impl RecordStore for Distant {
        async fn record(&self, space: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
            tokio::task::yield_now().await;
            let record = self.store.record(space, key, now).await;
            tokio::task::yield_now().await;
            record
        }

        async fn put_record(&self, space: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
            self.written.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let put = self.store.put_record(space, key, value, options).await;
            tokio::task::yield_now().await;
            put
        }

        async fn delete_record(
            &self,
            space: &Namespace,
            key: &str,
            expect: Expect,
            now: DateTime<Utc>,
        ) -> Result<bool> {
            self.store.delete_record(space, key, expect, now).await
        }

        async fn records(
            &self,
            space: &Namespace,
            prefix: &str,
            after: Option<&str>,
            limit: usize,
            now: DateTime<Utc>,
        ) -> Result<Vec<Record>> {
            self.store.records(space, prefix, after, limit, now).await
        }

        async fn record_keys(
            &self,
            space: &Namespace,
            prefix: &str,
            after: Option<&str>,
            limit: usize,
            now: DateTime<Utc>,
        ) -> Result<Vec<RecordKey>> {
            self.store.record_keys(space, prefix, after, limit, now).await
        }

        async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
            self.store.purge_records(now, limit).await
        }
    }

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

    #[tokio::test]
    async fn of_requests_at_once_as_many_are_granted_as_of_those_that_come_in_turn() {
        let (store, server, key) = (Distant::default(), Shared::default(), KeyId::new());
        let ask = |_| server.take(&store, RateLimit::default(), key, noon());
        let taken = join_all((0..150).map(ask)).await;
        let granted: u32 = taken.into_iter().map(|taken| taken.unwrap().granted).sum();
        assert_eq!((granted, store.written.load(Ordering::Relaxed)), (100, 10));
    }

    #[tokio::test]
    async fn a_request_that_waited_takes_what_a_later_one_brought() {
        let (store, server, key) = (Distant::default(), Shared::default(), KeyId::new());
        for earlier in 0..15 {
            let now = noon() - TimeDelta::microseconds(earlier);
            assert_eq!(server.take(&store, RateLimit::default(), key, now).await.unwrap().granted, 1, "{earlier}");
        }
        assert_eq!(store.written.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn servers_that_are_asked_at_once_give_no_more_than_one_alone_and_no_fewer() {
        let (store, key) = (Distant::default(), KeyId::new());
        let servers = [Shared::default(), Shared::default(), Shared::default()];
        let ask = |number: usize| servers[number % 3].take(&store, RateLimit::default(), key, noon());
        let taken = join_all((0..300).map(ask)).await;
        let granted: u32 = taken.into_iter().map(|taken| taken.unwrap().granted).sum();
        assert_eq!(granted, 100);
    }

    #[tokio::test]
    async fn a_key_for_which_there_is_no_room_has_its_whole_burst_all_the_same() {
        let (store, server, key) = (Distant::default(), Shared::default(), KeyId::new());
        let seen = Taken { granted: 10, left: 90, wait: 0, full_in: 1_000_000 };
        for _ in 0..MOST {
            server.keep(KeyId::new(), seen, noon().timestamp_micros());
        }
        let mut granted = 0;
        for _ in 0..150 {
            granted += server.take(&store, RateLimit::default(), key, noon()).await.unwrap().granted;
        }
        assert_eq!((granted, store.written.load(Ordering::Relaxed)), (100, 100));
        // Those that are not asked for any more make room.
        let later = noon() + TimeDelta::seconds(60);
        server.take(&store, RateLimit::default(), key, later).await.unwrap();
        assert_eq!(server.taken.lock().all.len(), 1);
    }
}
