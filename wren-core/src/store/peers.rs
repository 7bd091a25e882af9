//! The other processes on a store that several share.

use std::fmt;

use async_trait::async_trait;

/// What one process tells the others: that there is something to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals {
    /// Triggers, or who plans them, changed.
    pub plan: bool,
    /// There may be a run to claim.
    pub work: bool,
    /// A running run may have been asked to end.
    pub cancel: bool,
}

impl Signals {
    /// Triggers, or who plans them, changed.
    pub const PLAN: Self = Self { plan: true, work: false, cancel: false };
    /// There may be a run to claim.
    pub const WORK: Self = Self { plan: false, work: true, cancel: false };
    /// A running run may have been asked to end.
    pub const CANCEL: Self = Self { plan: false, work: false, cancel: true };
    /// Everything: after a gap in which nothing was heard.
    pub const ALL: Self = Self { plan: true, work: true, cancel: true };

    /// Returns the letters of those that are set, for stores that send them as text.
    #[must_use]
    pub fn letters(self) -> String {
        [(self.plan, 'p'), (self.work, 'w'), (self.cancel, 'c')]
            .into_iter()
            .filter_map(|(set, letter)| set.then_some(letter))
            .collect()
    }

    /// Reads [`letters`](Self::letters); those that this binary does not know are left out.
    #[must_use]
    pub fn parse(letters: &str) -> Self {
        Self { plan: letters.contains('p'), work: letters.contains('w'), cancel: letters.contains('c') }
    }

    /// Says whether none is set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl std::ops::BitOrAssign for Signals {
    fn bitor_assign(&mut self, other: Self) {
        self.plan |= other.plan;
        self.work |= other.work;
        self.cancel |= other.cancel;
    }
}

/// The way to the other processes on the same data.
///
/// Signals are hints. One MAY come late, be merged with others or be lost: whoever waits for one also looks unasked, now and
/// then.
#[async_trait]
pub trait Peers: fmt::Debug + Send + Sync + 'static {
    /// Tells the other processes. MUST NOT wait for them or for the store.
    fn signal(&self, signals: Signals);

    /// Waits for what other processes tell; what came since the last call counts. After a gap in which nothing could be heard
    /// it returns [`Signals::ALL`]. A dropped future loses nothing.
    async fn signalled(&self) -> Signals;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_read_back_and_unknown_ones_are_left_out() {
        for signals in [Signals::PLAN, Signals::WORK, Signals::CANCEL, Signals::ALL, Signals::default()] {
            assert_eq!(Signals::parse(&signals.letters()), signals);
        }
        assert_eq!(Signals::parse("xw"), Signals::WORK);
    }
}
