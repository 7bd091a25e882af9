//! What ends a look at a mailbox, and when the next one is worth while.

use wren_core::source::WatchState;
use wren_core::{Error, ErrorCode};

use super::Place;
use crate::imap::Fault;

/// How many failures in a row show that it is no hiccup of a resolver or of a server.
const SURE: u32 = 3;

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

    /// Returns what is shown while it lasts: after so many failures in a row, and whether it is
    /// `hopeless` that it ends by itself.
    pub(super) fn state(&self, failures: u32, hopeless: bool) -> WatchState {
        let needs_somebody = self.refused || hopeless || (self.is_of_settings() && failures >= SURE);
        if needs_somebody { WatchState::NeedsAttention } else { WatchState::Waiting }
    }

    /// Says whether it is what somebody has set that does not do, by what is known now.
    fn is_of_settings(&self) -> bool {
        use ErrorCode::{IntegrationNotConfigured, NotFound, OauthScopeMissing, OauthTokenExpired, PermissionDenied};
        matches!(
            self.error.code(),
            IntegrationNotConfigured | NotFound | OauthScopeMissing | OauthTokenExpired | PermissionDenied
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hiccup_needs_nobody() {
        let trouble = |code| Trouble::from(Error::new(code, "no"));
        let (waiting, needs) = (WatchState::Waiting, WatchState::NeedsAttention);
        assert_eq!(trouble(ErrorCode::IntegrationNotConfigured).state(2, false), waiting);
        assert_eq!(trouble(ErrorCode::IntegrationNotConfigured).state(3, false), needs);
        assert_eq!(trouble(ErrorCode::Internal).state(100, false), waiting, "a server that is away comes back");
        assert_eq!(trouble(ErrorCode::Internal).state(5, true), needs, "one that never was there does not");
        assert_eq!(trouble(ErrorCode::Conflict).state(100, false), waiting, "another node was first");
        assert_eq!(Trouble::refused(Error::new(ErrorCode::Internal, "no")).state(1, false), needs);
    }
}
