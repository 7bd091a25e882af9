//! How many scripts are examined at once, and how many may wait for it.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;

/// How many deploys may wait or be examined: of one owner, and of all.
const PER_OWNER: usize = 8;
const IN_ALL: usize = 128;

/// Lets a few examinations in at a time. Each runs a script that nobody has seen before, so an owner who sends many must not
/// keep the others waiting for ever.
#[derive(Debug)]
pub(super) struct Inspections {
    places: Semaphore,
    present: Mutex<HashMap<OwnerId, usize>>,
}

/// Held during an examination.
#[derive(Debug)]
pub(super) struct Inspecting<'a> {
    _present: Present<'a>,
    _place: SemaphorePermit<'a>,
}

#[derive(Debug)]
struct Present<'a> {
    present: &'a Mutex<HashMap<OwnerId, usize>>,
    owner: OwnerId,
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        let mut present = self.present.lock();
        if let Some(count) = present.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                present.remove(&self.owner);
            }
        }
    }
}

impl Inspections {
    pub(super) fn new(at_once: usize) -> Self {
        Self { places: Semaphore::new(at_once.max(1)), present: Mutex::default() }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait already.
    pub(super) async fn enter(&self, owner: &OwnerId) -> Result<Inspecting<'_>> {
        let present = {
            let mut present = self.present.lock();
            let all: usize = present.values().sum();
            let own = present.get(owner).copied().unwrap_or(0);
            if own >= PER_OWNER || all >= IN_ALL {
                let whose = if own >= PER_OWNER { "your" } else { "the platform's" };
                return Err(Error::new(
                    ErrorCode::RateLimited,
                    format!("too many of {whose} deploys are being examined"),
                )
                .with_hint("wait for the answers of the deploys before")
                .with_detail("retry_after_s", 5));
            }
            *present.entry(owner.clone()).or_insert(0) += 1;
            Present { present: &self.present, owner: owner.clone() }
        };
        let place = self.places.acquire().await.map_err(|error| Error::internal("no examination any more", error))?;
        Ok(Inspecting { _present: present, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_owner_cannot_take_every_place_in_the_queue() {
        let inspections = Inspections::new(100);
        let (ada, grace) = (OwnerId::new("ada").unwrap(), OwnerId::new("grace").unwrap());
        let mut held = Vec::new();
        for _ in 0..PER_OWNER {
            held.push(inspections.enter(&ada).await.unwrap());
        }
        assert_eq!(inspections.enter(&ada).await.unwrap_err().code(), ErrorCode::RateLimited);
        inspections.enter(&grace).await.unwrap();
        held.pop();
        inspections.enter(&ada).await.unwrap();
    }
}
