//! Which triggers are served from which mailboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use wren_core::model::Trigger;
use wren_core::source::Watched;
use wren_core::{Error, ErrorCode, OwnerId, TriggerId};

use super::Place;
use crate::filter::{Filter, FilterIndex};

/// The credential of a trigger that names none.
pub(super) const ACCOUNT: &str = "imap";
/// The mailbox of a trigger that names none.
const MAILBOX: &str = "INBOX";

/// The filters of an account, by mailbox.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) by_mailbox: BTreeMap<String, Arc<FilterIndex>>,
    /// How often the triggers had changed when they were read.
    pub(super) changes: u64,
}

/// The filters of a mailbox.
#[derive(Debug, Clone)]
pub(super) struct Filters {
    pub(super) index: Arc<FilterIndex>,
    /// How often the triggers had changed when they were read.
    pub(super) changes: u64,
}

/// Returns everything that is wrong with a trigger's config.
pub(super) fn validate(config: &Map<String, Value>) -> Vec<Error> {
    let mut faults = Filter::of_source(config.clone()).err().unwrap_or_default();
    faults.extend(
        argument(config, "account", ACCOUNT)
            .and_then(|name| {
                is_credential(&name).then_some(name).ok_or_else(|| {
                    fault("account", "`account` is no name of a credential", "up to 128 letters, digits or `._-`")
                })
            })
            .err(),
    );
    faults.extend(argument(config, "mailbox", MAILBOX).err());
    faults
}

/// Returns the account and the mailbox that a trigger names.
pub(super) fn watched(config: &Map<String, Value>) -> Option<Watched> {
    let account = argument(config, "account", ACCOUNT).ok()?;
    let place = argument(config, "mailbox", MAILBOX).ok()?;
    Some(Watched { account, place })
}

/// Shares triggers out to the accounts and mailboxes that they name.
pub(super) fn by_account(triggers: &[Trigger], changes: u64) -> BTreeMap<(OwnerId, String), Rules> {
    let mut filters: BTreeMap<Place, Vec<(TriggerId, Filter)>> = BTreeMap::new();
    for trigger in triggers {
        let (Some(Watched { account, place }), Ok(filter)) =
            (watched(&trigger.spec.source_config()), Filter::of_trigger(&trigger.spec))
        else {
            // It was deployed under other rules.
            tracing::error!(trigger = %trigger.id, "an email trigger's config cannot be read; it fires nothing until it is deployed again");
            continue;
        };
        let place = Place { owner: trigger.owner.clone(), account, mailbox: place };
        filters.entry(place).or_default().push((trigger.id, filter));
    }
    let mut accounts: BTreeMap<(OwnerId, String), Rules> = BTreeMap::new();
    for (Place { owner, account, mailbox }, filters) in filters {
        let rules = accounts.entry((owner, account)).or_insert_with(|| Rules { changes, ..Rules::default() });
        rules.by_mailbox.insert(mailbox, Arc::new(FilterIndex::new(filters)));
    }
    accounts
}

fn argument(config: &Map<String, Value>, name: &str, default: &str) -> Result<String, Error> {
    let text = match config.get(name) {
        None | Some(Value::Null) => default,
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 255 && !text.contains(char::is_control) => text,
        Some(_) => {
            return Err(fault(name, &format!("`{name}` is no name"), &format!("for example {name}=\"{default}\"")));
        }
    };
    // RFC 3501: this one name is the same in capitals and in small letters.
    let is_inbox = name == "mailbox" && text.eq_ignore_ascii_case(MAILBOX);
    Ok(if is_inbox { MAILBOX.to_owned() } else { text.to_owned() })
}

fn is_credential(name: &str) -> bool {
    name.len() <= 128 && name.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character))
}

fn fault(argument: &str, message: &str, hint: &str) -> Error {
    Error::new(ErrorCode::InvalidFilter, message).with_hint(hint).with_detail("argument", argument)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_of_the_sources_own_arguments_is_said_at_once() {
        let faults = |config: Value| validate(config.as_object().unwrap());
        assert!(faults(json!({})).is_empty());
        assert!(faults(json!({"account": "work.imap", "mailbox": "Invoices/2026"})).is_empty());
        let found = faults(json!({"account": "a b", "mailbox": ["INBOX"]}));
        let arguments: Vec<_> = found.iter().map(|fault| fault.details()["argument"].as_str().unwrap()).collect();
        assert_eq!(arguments, ["account", "mailbox"]);
        assert!(found.iter().all(|fault| fault.code() == ErrorCode::InvalidFilter && fault.hint().is_some()));
    }

    #[test]
    fn the_inbox_has_one_name() {
        let config = json!({"mailbox": "inbox"});
        assert_eq!(argument(config.as_object().unwrap(), "mailbox", MAILBOX).unwrap(), "INBOX");
    }
}
