//! Answers that go on for as long as somebody listens: how many there may be, and when they end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;
use wren_core::{Error, ErrorCode, KeyId};

use crate::api::Api;

/// How many one key may have at once.
const PER_KEY: usize = 100;
/// How many there may be at once: half of the connections, so that those who follow do not keep out those who ask.
const IN_ALL: usize = 256;
/// When to ask again for a place, in seconds.
const RETRY_AFTER_S: u64 = 15;

/// Counts the answers that go on.
#[derive(Debug)]
pub(crate) struct Streams {
    per_key: usize,
    in_all: usize,
    // Not a Tokio mutex: never held across an await.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    in_all: usize,
    of_key: HashMap<KeyId, usize>,
}

/// The place of one of them, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Arc<Streams>,
    key: KeyId,
}

impl Default for Streams {
    fn default() -> Self {
        Self::new(PER_KEY, IN_ALL)
    }
}

impl Streams {
    pub(crate) fn new(per_key: usize, in_all: usize) -> Self {
        Self { per_key, in_all, open: Mutex::default() }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `RATE_LIMITED` when the key has too many, or the server.
    pub(crate) fn enter(self: &Arc<Self>, key: KeyId) -> Result<Place, Error> {
        let mut open = self.open();
        let of_key = open.of_key.get(&key).copied().unwrap_or_default();
        let full = if of_key >= self.per_key {
            Some(("this API key follows", self.per_key))
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
        drop(open);
        Ok(Place { streams: Arc::clone(self), key })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        open.in_all = open.in_all.saturating_sub(1);
        if let Some(count) = open.of_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.of_key.remove(&self.key);
            }
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
    fn a_key_and_the_server_have_so_many_places_and_no_more() {
        let streams = Arc::new(Streams::new(2, 3));
        let (ada, bob) = (KeyId::new(), KeyId::new());
        let first = streams.enter(ada).unwrap();
        let _second = streams.enter(ada).unwrap();
        let error = streams.enter(ada).unwrap_err();
        assert_eq!((error.code(), error.details()["limit"].as_u64()), (ErrorCode::RateLimited, Some(2)));
        assert!(error.message().starts_with("this API key"), "{}", error.message());
        let _third = streams.enter(bob).unwrap();
        let error = streams.enter(bob).unwrap_err();
        assert!(error.message().starts_with("this server"), "{}", error.message());
        drop(first);
        let again = streams.enter(bob).unwrap();
        drop(again);
        assert_eq!(streams.open().of_key.len(), 2, "who has none is forgotten");
    }
}
