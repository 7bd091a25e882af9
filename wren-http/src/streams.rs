//! Answers that go on for as long as somebody listens: how many there may be, and when they end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;
use wren_core::{Error, ErrorCode, KeyId, OwnerId};

use crate::api::Api;

/// How many one key may have at once.
const PER_KEY: usize = 100;
/// How many one owner may have at once, with all keys.
const PER_OWNER: usize = 200;
/// How many there may be at once: half of the connections, so that those who follow do not keep out those who ask.
const IN_ALL: usize = 256;
/// When to ask again for a place, in seconds.
const RETRY_AFTER_S: u64 = 15;

/// Counts the answers that go on.
#[derive(Debug)]
pub(crate) struct Streams {
    per_key: usize,
    per_owner: usize,
    in_all: usize,
    // Not a Tokio mutex: never held across an await.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    in_all: usize,
    of_key: HashMap<KeyId, usize>,
    of_owner: HashMap<OwnerId, usize>,
}

/// The place of one of them, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Arc<Streams>,
    key: KeyId,
    owner: OwnerId,
}

impl Default for Streams {
    fn default() -> Self {
        Self::new(PER_KEY, PER_OWNER, IN_ALL)
    }
}

impl Streams {
    pub(crate) fn new(per_key: usize, per_owner: usize, in_all: usize) -> Self {
        Self { per_key, per_owner, in_all, open: Mutex::default() }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `RATE_LIMITED` when the key has too many, its owner, or the server.
    pub(crate) fn enter(self: &Arc<Self>, key: KeyId, owner: &OwnerId) -> Result<Place, Error> {
        let mut open = self.open();
        let of_key = open.of_key.get(&key).copied().unwrap_or_default();
        let of_owner = open.of_owner.get(owner).copied().unwrap_or_default();
        let full = if of_key >= self.per_key {
            Some(("this API key follows", self.per_key))
        } else if of_owner >= self.per_owner {
            Some(("the keys of this owner follow", self.per_owner))
        } else if open.in_all >= self.in_all {
            Some(("this server's callers follow", self.in_all))
        } else {
            None
        };
        if let Some((who, limit)) = full {
            let message = format!("{who} {limit} streams already, which is the limit");
            return Err(Error::new(ErrorCode::RateLimited, message)
                .with_hint("end one of them, or read pages with `after` and `Accept: application/json`")
                .with_detail("limit", limit)
                .with_detail("retry_after_s", RETRY_AFTER_S));
        }
        open.in_all += 1;
        *open.of_key.entry(key).or_default() += 1;
        *open.of_owner.entry(owner.clone()).or_default() += 1;
        drop(open);
        Ok(Place { streams: Arc::clone(self), key, owner: owner.clone() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        open.in_all = open.in_all.saturating_sub(1);
        leave(&mut open.of_key, &self.key);
        leave(&mut open.of_owner, &self.owner);
    }
}

/// Counts one out; who has none is forgotten.
fn leave<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Cancelled when the server that a request came to wants to end.
#[derive(Debug, Clone)]
pub(crate) struct Closing(pub(crate) CancellationToken);

impl FromRequestParts<Api> for Closing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(api.closing.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_its_owner_and_the_server_have_so_many_places_and_no_more() {
        let streams = Arc::new(Streams::new(2, 3, 4));
        let [first, second, third] = [KeyId::new(), KeyId::new(), KeyId::new()];
        let [ada, bob] = ["ada", "bob"].map(|name| OwnerId::new(name).unwrap());
        let refused = |key, owner, who: &str, limit| {
            let error = streams.enter(key, owner).unwrap_err();
            assert!(error.message().starts_with(who), "{}", error.message());
            assert_eq!((error.code(), error.details()["limit"].as_u64()), (ErrorCode::RateLimited, Some(limit)));
        };
        let counted = || {
            let open = streams.open();
            (open.of_key.len(), open.of_owner.len())
        };
        let left = streams.enter(first, &ada).unwrap();
        let mut held = vec![streams.enter(first, &ada).unwrap()];
        refused(first, &ada, "this API key", 2);
        held.push(streams.enter(second, &ada).unwrap());
        refused(second, &ada, "the keys of this owner", 3);
        held.push(streams.enter(third, &bob).unwrap());
        refused(third, &bob, "this server", 4);
        drop(left);
        drop(streams.enter(third, &bob).unwrap());
        assert_eq!(counted(), (3, 2));
        drop(held);
        assert_eq!(counted(), (0, 0), "who has none is forgotten");
    }
}
