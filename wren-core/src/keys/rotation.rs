//! A new secret for a key, and a while in which the one before is still good.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::{ApiKey, ApiKeys, by_hash, decode, encode, hash, hashes, listed, no_key, shown, token};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{KeyId, OwnerId};
use crate::store::{Expect, PutOptions};

/// How long a secret is good after a rotation, unless somebody says otherwise.
pub const DEFAULT_GRACE: TimeDelta = TimeDelta::hours(24);
/// How long it may be good at most: who leaks a secret must not have it for good.
pub const MAX_GRACE: TimeDelta = TimeDelta::days(7);
/// How many secrets of one key may be good at once: more is a client that rotates in a loop.
const MAX_SECRETS: usize = 8;

impl ApiKeys {
    /// Gives a key a new secret, which is returned once and kept nowhere. Those before are good for `grace` from now on, or
    /// until they would have ended anyway; none lives longer than the key.
    ///
    /// Whoever lets somebody rotate a key by showing a secret of it refuses one that has been
    /// [replaced](ApiKey::replaced_at): it would be good for longer than its grace.
    ///
    /// A rotation that broke off may be repeated: a secret that nobody has been shown opens nothing that its owner could not
    /// revoke, and ends with the grace of the next rotation.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such key; `INVALID_REQUEST` when `grace` is negative or longer than [`MAX_GRACE`];
    /// `CONFLICT` when the key is being rotated or revoked at this moment, or has too many secrets that are still good.
    pub async fn rotate(
        &self,
        owner: &OwnerId,
        id: KeyId,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<(ApiKey, SecretString)> {
        if grace < TimeDelta::zero() || grace > MAX_GRACE {
            let message = "a secret can stay good for 0 seconds to 7 days after a rotation";
            return Err(Error::new(ErrorCode::InvalidRequest, message)
                .with_hint("choose a time in which every client can learn the new one, as 24 hours"));
        }
        let (namespace, name) = (listed(owner), id.to_string());
        let entry = self.records.record(&namespace, &name, now).await?.ok_or_else(|| no_key(id))?;
        // Those that have ended are left out of the list.
        let mut before = Vec::new();
        for old in hashes(&entry.value) {
            before.extend(self.records.record(&by_hash(), &old, now).await?);
        }
        let newest = before.first().ok_or_else(|| no_key(id))?;
        if before.len() >= MAX_SECRETS {
            return Err(Error::new(
                ErrorCode::Conflict,
                format!("the key has {MAX_SECRETS} secrets that are still good"),
            )
            .with_hint("rotate with a shorter grace, or make another key and revoke this one"));
        }
        let token = token();
        let newest = decode(&newest.value)?;
        let key = ApiKey { prefix: shown(&token), rotated_at: Some(now), replaced_at: None, ..newest };
        let new = hash(&token);

        // As when a key is made, the owner's list comes first.
        let lines: Vec<&str> = std::iter::once(new.as_str()).chain(before.iter().map(|old| old.key.as_str())).collect();
        let options = PutOptions { expect: Expect::Version(entry.version), expires_at: key.expires_at, now };
        let listed_at = self.records.put_record(&namespace, &name, Bytes::from(lines.join("\n")), options).await;
        let listed_at = listed_at.map_err(changed)?;
        let options = PutOptions { expect: Expect::Absent, expires_at: key.expires_at, now };
        self.records.put_record(&by_hash(), &new, encode(&key)?, options).await?;
        // Who revoked the key meanwhile has not seen what was put just now.
        let stands = self.records.record(&namespace, &name, now).await?.is_some_and(|entry| entry.version == listed_at);
        if !stands {
            self.records.delete_record(&by_hash(), &new, Expect::Any, now).await?;
            return Err(changed(Error::new(ErrorCode::Conflict, "the key has changed")));
        }
        for old in before {
            let end = old.expires_at.map_or(now + grace, |end| end.min(now + grace));
            let options = PutOptions { expect: Expect::Version(old.version), expires_at: Some(end), now };
            let of_old = decode(&old.value)?;
            let of_old = ApiKey { replaced_at: of_old.replaced_at.or(Some(now)), ..of_old };
            match self.records.put_record(&by_hash(), &old.key, encode(&of_old)?, options).await {
                Ok(_) => {}
                // It was revoked, and stays so.
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok((key, token.into()))
    }
}

fn changed(error: Error) -> Error {
    if error.code() != ErrorCode::Conflict {
        return error;
    }
    Error::new(ErrorCode::Conflict, "the key is being rotated or revoked by somebody else")
        .with_hint("list the keys, and rotate it again if it is still there")
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
