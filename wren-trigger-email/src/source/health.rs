//! How each mailbox is doing, as the engine shows it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::watch;
use wren_core::Error;
use wren_core::source::{AccountHealth, WatchError, WatchState};

use super::Place;

/// The health of every mailbox that triggers name.
#[derive(Debug, Default)]
pub(super) struct Board {
    by_place: Mutex<BTreeMap<Place, AccountHealth>>,
    /// Sent to at every change.
    changed: watch::Sender<()>,
}

impl Board {
    pub(super) fn all(&self) -> Vec<AccountHealth> {
        self.by_place.lock().values().cloned().collect()
    }

    /// Waits until it is as wanted.
    pub(super) async fn until(&self, wanted: impl Fn(&[AccountHealth]) -> bool) -> Vec<AccountHealth> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let all = self.all();
            if wanted(&all) {
                return all;
            }
            // The sender lives as long as this.
            let _ = changed.changed().await;
        }
    }

    /// Makes these the places that are shown.
    pub(super) fn show(&self, places: BTreeSet<Place>) {
        let mut by_place = self.by_place.lock();
        by_place.retain(|place, _| places.contains(place));
        for place in places {
            let unknown = AccountHealth::unknown(place.owner.clone(), place.watched());
            by_place.entry(place).or_insert(unknown);
        }
        drop(by_place);
        self.changed.send_replace(());
    }

    pub(super) fn state(&self, place: &Place, state: WatchState) {
        self.change(place, |health| health.state = state);
    }

    /// Nothing new is left in the mailbox.
    pub(super) fn succeeded(&self, place: &Place, now: DateTime<Utc>) {
        self.change(place, |health| {
            health.last_success = Some(now);
            health.failures = 0;
        });
    }

    pub(super) fn emitted(&self, place: &Place, newest: DateTime<Utc>) {
        self.change(place, |health| health.last_event = health.last_event.max(Some(newest)));
    }

    pub(super) fn failed(&self, place: &Place, error: &Error, state: WatchState, now: DateTime<Utc>) {
        self.change(place, |health| {
            health.state = state;
            health.failures = health.failures.saturating_add(1);
            health.last_error = Some(WatchError::new(error, now));
        });
    }

    fn change(&self, place: &Place, change: impl FnOnce(&mut AccountHealth)) {
        // One that no trigger names any more may still be on its way to its end.
        if let Some(health) = self.by_place.lock().get_mut(place) {
            change(health);
        }
        self.changed.send_replace(());
    }
}
