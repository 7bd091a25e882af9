//! Whether a fire is queued or skipped: decided in one place, inside every store's transaction.

use crate::error::{Error, ErrorCode, WireError};
use crate::model::{DeploymentStatus, Overlap, SkipReason};

/// What to do with a fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Insert a queued run.
    Queue,
    /// Ask the trigger's earlier runs to end, then insert a queued run.
    CancelPreviousAndQueue,
    /// Insert a skipped run.
    Skip(SkipReason),
}

/// Decides about a fire from what the transaction sees: the fire's own wish, the deployment's status, and whether an earlier
/// run of the trigger is queued or running. A quota counts last: what would not run anyway says why, and cancels nothing.
#[must_use]
pub fn admit(skip: Option<SkipReason>, status: DeploymentStatus, overlap: Overlap, has_active_run: bool) -> Admission {
    let over_quota = skip == Some(SkipReason::Quota);
    if let Some(reason) = skip.filter(|_| !over_quota) {
        return Admission::Skip(reason);
    }
    match status {
        DeploymentStatus::Active => {}
        DeploymentStatus::NeedsAttention => return Admission::Skip(SkipReason::NeedsAttention),
        DeploymentStatus::Paused | DeploymentStatus::Undeployed => return Admission::Skip(SkipReason::Paused),
    }
    match overlap {
        Overlap::Skip if has_active_run => Admission::Skip(SkipReason::Overlap),
        _ if over_quota => Admission::Skip(SkipReason::Quota),
        Overlap::CancelPrevious if has_active_run => Admission::CancelPreviousAndQueue,
        Overlap::Skip | Overlap::Queue | Overlap::Allow | Overlap::CancelPrevious => Admission::Queue,
    }
}

/// Returns what the record of a run says that a later fire of its trigger cancelled.
#[must_use]
pub fn superseded() -> WireError {
    WireError::from(&Error::new(ErrorCode::Conflict, "a later fire of the trigger took the place of this run"))
}

/// Returns what the record of a run says that ended with its deployment.
#[must_use]
pub fn undeployed() -> WireError {
    WireError::from(&Error::new(ErrorCode::Conflict, "the deployment was undeployed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_skip_comes_first_then_the_status_then_the_overlap() {
        use DeploymentStatus::{Active, NeedsAttention, Paused};
        let coalesced = Some(SkipReason::Coalesced);
        assert_eq!(admit(coalesced, Paused, Overlap::Allow, true), Admission::Skip(SkipReason::Coalesced));
        assert_eq!(admit(None, Paused, Overlap::Allow, false), Admission::Skip(SkipReason::Paused));
        assert_eq!(admit(None, NeedsAttention, Overlap::Allow, false), Admission::Skip(SkipReason::NeedsAttention));
        assert_eq!(admit(None, Active, Overlap::Skip, true), Admission::Skip(SkipReason::Overlap));
        assert_eq!(admit(None, Active, Overlap::Skip, false), Admission::Queue);
        assert_eq!(admit(None, Active, Overlap::Queue, true), Admission::Queue);
        assert_eq!(admit(None, Active, Overlap::CancelPrevious, true), Admission::CancelPreviousAndQueue);
    }

    #[test]
    fn a_quota_is_the_reason_only_of_what_would_run_without_it() {
        use DeploymentStatus::{Active, Paused};
        let quota = Some(SkipReason::Quota);
        assert_eq!(admit(quota, Active, Overlap::Allow, true), Admission::Skip(SkipReason::Quota));
        assert_eq!(admit(quota, Active, Overlap::CancelPrevious, true), Admission::Skip(SkipReason::Quota));
        assert_eq!(admit(quota, Active, Overlap::Skip, true), Admission::Skip(SkipReason::Overlap));
        assert_eq!(admit(quota, Paused, Overlap::Allow, false), Admission::Skip(SkipReason::Paused));
    }
}
