//! How many requests a key may send, and how often a peer may fail to show one.
//!
//! A key has a token bucket. Where several servers share a store the bucket is a record that each takes a few tokens from at
//! a time, so that a key has no more for asking them in turn; otherwise it is in memory. Peers that fail to show a key have a
//! bucket of their own in each process: who is over it is refused before its key is looked up, unless that very key was good
//! here before, so that a stranger behind the same address keeps nobody out. Behind a proxy all have its address, unless the
//! host of this API [trusts](TrustedProxy) it to say whose it is. This machine is refused nothing unseen: it is a proxy that
//! nobody has named, or somebody who could do worse.
//!
//! Not the crate `governor`: its buckets take no tokens that come from elsewhere, and its maps have no bound.

mod bucket;
mod buckets;
mod peer;
mod proxies;
mod shared;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use wren_core::store::Store;
use wren_core::{Error, ErrorCode, KeyId};

pub use bucket::RateLimit;
pub(crate) use bucket::Standing;
pub(crate) use peer::{FromPeer, Peer};
pub use proxies::TrustedProxy;

use bucket::{Bucket, Taken};
use buckets::Buckets;
use shared::Shared;

/// How often a peer may fail: a client with a wrong key that asks every second is told so each time, and nobody can have
/// the store look up as many keys as the network carries.
const FAILURES: RateLimit = RateLimit::fixed(60, 30);

/// How long a proof is good, in microseconds: so long that only the oldest make room, and only where there is none.
const PROOF_LASTS: i64 = 100 * 365 * 86_400 * 1_000_000;

/// The hash of a key that was good.
pub(crate) type Proof = [u8; 32];

/// Counts requests and failures.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: Option<RateLimit>,
    own: Mutex<Buckets<KeyId>>,
    shared: Shared,
    /// By the networks of peers.
    failures: Mutex<Buckets<IpAddr>>,
    proven: Mutex<Buckets<Proof>>,
}

impl Limiter {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit,
            own: Mutex::default(),
            shared: Shared::default(),
            failures: Mutex::default(),
            proven: Mutex::default(),
        }
    }

    /// Takes a token of a key; returns how it stands then, or nothing where there is no limit.
    pub(crate) async fn request(&self, store: &dyn Store, key: KeyId, now: DateTime<Utc>) -> Option<Standing> {
        let limit = self.limit?;
        let micros = now.timestamp_micros();
        if store.peers().is_some() {
            match self.shared.take(store, limit, key, now).await {
                Ok(taken) => return Some(Standing::of(limit, taken)),
                // The store is asked for what the request wants all the same: here it may go on.
                Err(error) => tracing::warn!(error = error.chain(), "a key's rate is counted in this process alone"),
            }
        }
        Some(Standing::of(limit, take(limit, &mut self.own.lock(), key, micros, 1)))
    }

    /// Refuses a peer that has failed too often, unless it shows a key that was good before.
    ///
    /// # Errors
    /// `RATE_LIMITED`.
    pub(crate) fn may_try(&self, peer: Option<Peer>, token: Option<&str>, now: DateTime<Utc>) -> Result<(), Error> {
        let Some(peer) = peer.filter(|peer| !peer.is_here()) else { return Ok(()) };
        let micros = now.timestamp_micros();
        let bucket = self.failures.lock().get(&peer.network());
        let standing = bucket.take(FAILURES, micros, 0).1;
        if standing.left > 0 || token.is_some_and(|token| self.proven.lock().contains(&proof(token))) {
            return Ok(());
        }
        tracing::warn!(target: "wren::audit", %peer, "too many requests without a valid key, refused unseen");
        Err(Error::new(ErrorCode::RateLimited, "too many requests without a valid API key came from this address")
            .with_hint("wait, and send a key that is valid")
            .with_detail("retry_after_s", standing.wait_s()))
    }

    /// Counts a failure of a peer.
    pub(crate) fn failed(&self, peer: Option<Peer>, token: Option<&str>, now: DateTime<Utc>) {
        if let Some(token) = token {
            self.proven.lock().remove(&proof(token));
        }
        if let Some(peer) = peer.filter(|peer| !peer.is_here()) {
            take(FAILURES, &mut self.failures.lock(), peer.network(), now.timestamp_micros(), 1);
        }
    }

    /// Notes that a key was good.
    pub(crate) fn proved(&self, token: &str, now: DateTime<Utc>) {
        let micros = now.timestamp_micros();
        self.proven.lock().put(proof(token), Bucket::full_at(micros + PROOF_LASTS), micros);
    }
}

/// Takes tokens out of a bucket of a map.
fn take<K: std::hash::Hash + Eq + Clone>(
    limit: RateLimit,
    buckets: &mut Buckets<K>,
    key: K,
    now: i64,
    want: u32,
) -> Taken {
    let (bucket, taken) = buckets.get(&key).take(limit, now, want);
    buckets.put(key, bucket, now);
    taken
}

pub(crate) fn proof(token: &str) -> Proof {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_peer_that_fails_too_often_is_refused_unseen_and_a_key_that_was_good_is_not() {
        let limiter = Limiter::new(None);
        let peer = Some(Peer::of("192.0.2.1".parse().unwrap()));
        limiter.proved("good", noon());
        for _ in 0..30 {
            limiter.may_try(peer, Some("wrong"), noon()).unwrap();
            limiter.failed(peer, Some("wrong"), noon());
        }
        let error = limiter.may_try(peer, Some("another"), noon()).unwrap_err();
        assert_eq!((error.code(), &error.details()["retry_after_s"]), (ErrorCode::RateLimited, &1.into()));
        assert!(limiter.may_try(peer, None, noon()).is_err());
        limiter.may_try(peer, Some("good"), noon()).unwrap();
        // Others, and those whose address nobody knows, are not concerned.
        limiter.may_try(Some(Peer::of("192.0.2.2".parse().unwrap())), Some("another"), noon()).unwrap();
        limiter.may_try(None, Some("another"), noon()).unwrap();
        limiter.may_try(peer, Some("another"), noon() + chrono::TimeDelta::seconds(1)).unwrap();
        limiter.failed(None, Some("good"), noon());
        assert!(limiter.may_try(peer, Some("good"), noon()).is_err(), "a key that was revoked proves nothing");
    }

    #[test]
    fn this_machine_is_refused_nothing_unseen() {
        let limiter = Limiter::new(None);
        for address in ["127.0.0.1", "::1"] {
            let peer = Some(Peer::of(address.parse().unwrap()));
            for _ in 0..100 {
                limiter.failed(peer, Some("wrong"), noon());
                limiter.may_try(peer, Some("wrong"), noon()).unwrap();
            }
        }
    }

    #[test]
    fn where_there_is_no_room_the_proofs_that_are_oldest_go() {
        let limiter = Limiter::new(None);
        let at = |number: i64| noon() + chrono::TimeDelta::milliseconds(number);
        for number in 0..=10_000 {
            limiter.proved(&number.to_string(), at(number));
        }
        let is_proven = |number: i64| limiter.proven.lock().contains(&proof(&number.to_string()));
        assert!(!is_proven(0) && !is_proven(1_249));
        assert!((1_250..=10_000).all(is_proven));
    }
}
