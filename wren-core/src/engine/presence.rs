//! How many calls of one kind are under way: of one owner, and of all.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::error::{Error, ErrorCode};
use crate::id::OwnerId;

/// Counts callers, and turns away those that are too many: work that somebody can ask for must not pile up.
#[derive(Debug)]
pub(super) struct Presence {
    per_owner: usize,
    in_all: usize,
    present: Mutex<HashMap<OwnerId, usize>>,
}

/// Held while a caller is there.
#[derive(Debug)]
pub(super) struct Present<'a> {
    presence: &'a Presence,
    owner: OwnerId,
}

/// Whose callers are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    Own,
    All,
}

impl Crowd {
    /// Makes the error of a caller who is to come back; `doing` says what too many do.
    pub(super) fn error(self, doing: &str, hint: &str) -> Error {
        let whose = if self == Self::Own { "your" } else { "the platform's" };
        Error::new(ErrorCode::RateLimited, format!("too many of {whose} {doing}"))
            .with_hint(hint)
            .with_detail("retry_after_s", 5)
    }
}

impl Presence {
    pub(super) fn new(per_owner: usize, in_all: usize) -> Self {
        Self { per_owner, in_all, present: Mutex::default() }
    }

    pub(super) fn enter(&self, owner: &OwnerId) -> Result<Present<'_>, Crowd> {
        let mut present = self.present.lock();
        let all: usize = present.values().sum();
        let own = present.get(owner).copied().unwrap_or(0);
        if own >= self.per_owner {
            return Err(Crowd::Own);
        }
        if all >= self.in_all {
            return Err(Crowd::All);
        }
        *present.entry(owner.clone()).or_insert(0) += 1;
        Ok(Present { presence: self, owner: owner.clone() })
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        let mut present = self.presence.present.lock();
        if let Some(count) = present.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                present.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_let_in_beyond_either_limit_and_who_leaves_makes_room() {
        let presence = Presence::new(2, 3);
        let [ada, grace] = ["ada", "grace"].map(|name| OwnerId::new(name).unwrap());
        let (first, _second) = (presence.enter(&ada).unwrap(), presence.enter(&ada).unwrap());
        assert_eq!(presence.enter(&ada).unwrap_err(), Crowd::Own);
        let _third = presence.enter(&grace).unwrap();
        assert_eq!(presence.enter(&grace).unwrap_err(), Crowd::All);
        drop(first);
        assert!(presence.enter(&grace).is_ok() && presence.present.lock().len() == 2);
    }
}
