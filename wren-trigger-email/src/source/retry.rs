//! What ends a look at a mailbox, and when the next one is worth while.

use wren_core::source::WatchState;
use wren_core::{Error, ErrorClass};

use super::Place;
use crate::imap::Fault;

/// Why a mailbox is not being watched.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: Error,
    /// Whether to try again is of no use before the credential has changed.
    pub(super) refused: bool,
}

impl Trouble {
    /// The credential does not do.
    pub(super) fn refused(error: Error) -> Self {
        Self { error, refused: true }
    }

    pub(super) fn fault(fault: Fault, host: &str) -> Self {
        fault.into_error(host).into()
    }

    /// Returns what is shown while it lasts.
    pub(super) fn state(&self) -> WatchState {
        if self.error.class() == ErrorClass::InternalError { WatchState::Waiting } else { WatchState::NeedsAttention }
    }

    pub(super) fn log(&self, place: &Place, failures: u32) {
        let Place { owner, account, mailbox } = place;
        let error = self.error.chain();
        tracing::warn!(%owner, account, mailbox, failures, error, "a mailbox cannot be watched; it is tried again");
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { error, refused: false }
    }
}
