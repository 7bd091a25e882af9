//! A provider of tokens in memory: each refresh token is good once, and one seen twice ends all, as RFC 9700 advises.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;
use wren_core::vault::{CredentialRefresher, NewCredential, Refreshing};
use wren_core::{Error, ErrorCode, Result};

/// How long a refreshed secret is good.
pub(super) const GOOD_FOR: TimeDelta = TimeDelta::hours(1);

/// What the provider does when it is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mood {
    /// It answers with a secret, a refresh token, scopes and an end.
    #[default]
    Well,
    /// It answers with a secret and an end, and keeps silent about the rest; the refresh token stays good.
    Terse,
    /// It cannot be reached.
    Down,
    /// It waits until it is told to go on, then answers.
    Waiting,
}

/// A [`CredentialRefresher`] of every integration. The refresh tokens it takes are `refresh-0` first, and then those it gave.
#[derive(Debug, Default)]
pub struct FakeProvider {
    mood: Mutex<Mood>,
    asked: AtomicU64,
    /// The number of the refresh token that is good; nothing after one was used twice.
    generation: Mutex<Option<u64>>,
    pub(super) begun: Notify,
    pub(super) go_on: Notify,
}

impl FakeProvider {
    /// Returns how often it was asked.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn set(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }

    /// Makes `refresh-0` the good one again, as a user does who connects the integration anew.
    pub(super) fn connect(&self) {
        *self.generation.lock() = Some(0);
    }
}

#[async_trait]
impl CredentialRefresher for FakeProvider {
    fn serves(&self, _integration: &str) -> bool {
        true
    }

    async fn refresh(&self, credential: &Refreshing, now: DateTime<Utc>) -> Result<NewCredential> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mood = *self.mood.lock();
        match mood {
            Mood::Down => return Err(Error::new(ErrorCode::Internal, "the provider is down").with_retryable(true)),
            Mood::Waiting => {
                self.begun.notify_one();
                self.go_on.notified().await;
            }
            // Long enough for two refreshes at once to meet.
            Mood::Well | Mood::Terse => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        let mut generation = self.generation.lock();
        let given =
            credential.refresh_token.expose_secret().strip_prefix("refresh-").and_then(|text| text.parse().ok());
        if generation.is_none() || *generation != given {
            *generation = None;
            return Err(Error::new(ErrorCode::OauthTokenExpired, "the refresh token was refused"));
        }
        let answer =
            NewCredential::new(&credential.integration, format!("access-{number}")).with_expiry(now + GOOD_FOR);
        if mood == Mood::Terse {
            return Ok(answer);
        }
        let next = given.unwrap_or_default() + 1;
        *generation = Some(next);
        Ok(answer.with_refresh_token(format!("refresh-{next}")).with_scopes(vec!["read".into(), "write".into()]))
    }
}
