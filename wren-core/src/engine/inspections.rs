//! How many scripts are examined at once, and how many may wait for it.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::presence::{Presence, Present};
use crate::error::{Error, Result};
use crate::id::OwnerId;

/// How many deploys may wait or be examined: of one owner, and of all.
const PER_OWNER: usize = 8;
const IN_ALL: usize = 128;

/// Lets a few examinations in at a time. Each runs a script that nobody has seen before, so an owner who sends many must not
/// keep the others waiting for ever.
#[derive(Debug)]
pub(super) struct Inspections {
    places: Semaphore,
    presence: Presence,
}

/// Held during an examination.
#[derive(Debug)]
pub(super) struct Inspecting<'a> {
    _present: Present<'a>,
    _place: SemaphorePermit<'a>,
}

impl Inspections {
    pub(super) fn new(at_once: usize) -> Self {
        Self { places: Semaphore::new(at_once.max(1)), presence: Presence::new(PER_OWNER, IN_ALL) }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait already.
    pub(super) async fn enter(&self, owner: &OwnerId) -> Result<Inspecting<'_>> {
        let hint = "wait for the answers of the deploys before";
        let present = self.presence.enter(owner).map_err(|crowd| crowd.error("deploys are being examined", hint))?;
        let place = self.places.acquire().await.map_err(|error| Error::internal("no examination any more", error))?;
        Ok(Inspecting { _present: present, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

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
