//! How often a provider's refusals renew a credential.
//!
//! A script chooses what it asks, and so whether the provider refuses: a path that always answers 401, say, or one whose
//! answers it writes itself. Each refusal of a credential that was renewed a moment ago would otherwise renew it again, which
//! takes single-use refresh tokens, and the provider's patience, as often as the script likes.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use wren_core::OwnerId;

/// How long a renewed credential is taken to be good, whatever the provider answers.
const REST: TimeDelta = TimeDelta::seconds(60);

/// The credentials that were renewed a moment ago.
#[derive(Debug, Default)]
pub(super) struct Renewals(Mutex<HashMap<(OwnerId, String), Renewed>>);

#[derive(Debug)]
struct Renewed {
    at: DateTime<Utc>,
    /// The renewed secret's hash: what is refused may still be the one before it.
    hash: [u8; 32],
}

impl Renewed {
    /// A clock that is set back makes nothing last longer.
    fn rests(&self, now: DateTime<Utc>) -> bool {
        (now - self.at).abs() < REST
    }
}

impl Renewals {
    /// Says whether a secret is what its credential was renewed to a moment ago.
    pub(super) fn is_fresh(
        &self,
        owner: &OwnerId,
        integration: &str,
        secret: &SecretString,
        now: DateTime<Utc>,
    ) -> bool {
        let renewals = self.0.lock();
        let renewed = renewals.get(&(owner.clone(), integration.to_owned()));
        renewed.is_some_and(|renewed| renewed.rests(now) && renewed.hash == hash(secret))
    }

    /// Notes what a credential was renewed to, and forgets what was renewed longer ago.
    pub(super) fn note(&self, owner: &OwnerId, integration: &str, secret: &SecretString, now: DateTime<Utc>) {
        let mut renewals = self.0.lock();
        renewals.retain(|_, renewed| renewed.rests(now));
        renewals.insert((owner.clone(), integration.to_owned()), Renewed { at: now, hash: hash(secret) });
    }
}

fn hash(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret()).into()
}
