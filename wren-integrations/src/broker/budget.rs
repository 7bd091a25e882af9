//! How much memory the answers in flight have, over all runs.
//!
//! An answer's first bytes are free, so that small ones, which most are, never wait for large ones. Before it grows past them
//! it reserves all that it may still have at once: what the server told, or else the limit of an answer. Reserving piece by
//! piece would take no more than is needed, and would have answers that all hold a part and wait for the next one, until
//! their deadlines. Thus whoever holds a part can finish, and gives back at the end what it did not use.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What each answer may hold without asking.
const FREE: usize = 16 * 1024;
/// What is counted in; a semaphore counts no higher than four thousand million.
const UNIT: usize = 1024;

/// The memory of all answers in flight.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    left: Arc<Semaphore>,
    /// All there is, in units.
    whole: u32,
}

/// What one answer holds of the budget, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let whole = units(bytes).max(1);
        Self { left: Arc::new(Semaphore::new(whole as usize)), whole }
    }

    /// Waits until an answer may have `bytes`, if the share is not enough, where `most` is what it may have in the end. An
    /// answer that may be larger than the budget has all of it to itself.
    pub(super) async fn grow(&self, share: &mut Share, bytes: usize, most: usize) {
        if bytes <= FREE || share.0.is_some() {
            return;
        }
        let wanted = units(most.max(bytes)).min(self.whole);
        // Nobody closes the semaphore.
        share.0 = Arc::clone(&self.left).acquire_many_owned(wanted).await.ok();
    }
}

impl Share {
    /// Gives back what an answer of that size does not need.
    pub(super) fn shrink(&mut self, bytes: usize) {
        if let Some(held) = &mut self.0 {
            let surplus = held.num_permits().saturating_sub(units(bytes) as usize);
            drop(held.split(surplus));
        }
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    const MANY: usize = 1024 * 1024;

    #[tokio::test]
    async fn an_answer_reserves_at_once_and_gives_back_what_it_did_not_use() {
        let budget = Budget::new(MANY);
        let (mut one, mut other) = (Share::default(), Share::default());
        budget.grow(&mut one, FREE, MANY).await;
        assert_eq!(budget.left.available_permits(), 1024, "the first bytes are free");
        budget.grow(&mut one, FREE + 1, MANY).await;
        budget.grow(&mut one, MANY, MANY).await;
        assert_eq!(budget.left.available_permits(), 0);
        budget.grow(&mut other, FREE, MANY).await;
        {
            let mut waits = std::pin::pin!(budget.grow(&mut other, FREE + 1, 512 * 1024));
            assert!(poll!(&mut waits).is_pending());
            one.shrink(MANY / 2 + 1);
            assert!(poll!(&mut waits).is_pending());
            one.shrink(MANY / 2);
            assert!(poll!(&mut waits).is_ready());
        }
        drop((one, other));
        assert_eq!(budget.left.available_permits(), 1024);
    }

    #[tokio::test]
    async fn an_answer_larger_than_the_budget_has_all_of_it() {
        let budget = Budget::new(100 * UNIT);
        let mut share = Share::default();
        budget.grow(&mut share, MANY, usize::MAX).await;
        assert_eq!(budget.left.available_permits(), 0);
        share.shrink(MANY);
        assert_eq!(budget.left.available_permits(), 0);
    }
}
