//! A store after the master key was lost.

use wren_core::Result;
use wren_core::store::{Expect, Namespace, RecordStore};

use crate::keyring;
use crate::space::{self, TIMELESS};

/// Returns the namespaces of all that is sealed, and of what says under which keys. A store without them has no credentials, and the next
/// vault that is opened on it makes a key of its own.
#[must_use]
pub fn sealed_namespaces() -> [Namespace; 4] {
    [space::vault(), space::keys(), space::credentials(), space::claims()]
}

/// Forgets which master keys there were where nothing is sealed under any: the next vault that is opened takes the key at hand, or makes
/// one, rather than to ask for one that opens nothing. Says whether it did.
///
/// No vault may be open on the store meanwhile: it is for one that was just restored.
///
/// # Errors
/// `STORE_UNAVAILABLE`; `VAULT_LOCKED` when the record of an owner's keys cannot be read.
pub async fn forget_unused_masters(records: &dyn RecordStore) -> Result<bool> {
    if keyring::any_entry(records, |_| true).await? {
        return Ok(false);
    }
    // One for each kind of key: all are within a page.
    let masters = records.record_keys(&space::vault(), "master/", None, 100, TIMELESS).await?;
    for master in &masters {
        records.delete_record(&space::vault(), &master.key, Expect::Any, TIMELESS).await?;
    }
    Ok(!masters.is_empty())
}
