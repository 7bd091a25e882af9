//! Which triggers are served from which mailboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use wren_core::model::Trigger;
use wren_core::{OwnerId, TriggerId};

use super::Place;
use super::arguments::Arguments;
use crate::filter::{Filter, FilterIndex};

/// The filters of an account, by mailbox.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) by_mailbox: BTreeMap<String, Mailbox>,
    /// How often the triggers had changed when they were read.
    pub(super) changes: u64,
}

/// What triggers want of a mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    pub(super) index: Arc<FilterIndex>,
    /// When the first of the triggers was deployed.
    pub(super) since: DateTime<Utc>,
}

/// The same, as it is handed on to who watches.
#[derive(Debug, Clone)]
pub(super) struct Filters {
    pub(super) mailbox: Mailbox,
    /// How often the triggers had changed when they were read.
    pub(super) changes: u64,
}

/// The triggers of a mailbox.
struct Wanting {
    /// When the first was deployed.
    since: DateTime<Utc>,
    filters: Vec<(TriggerId, Filter)>,
}

/// Shares triggers out to the accounts and mailboxes that they name.
pub(super) fn by_account(triggers: &[Trigger], changes: u64) -> BTreeMap<(OwnerId, String), Rules> {
    let mut filters: BTreeMap<Place, Wanting> = BTreeMap::new();
    for trigger in triggers {
        let Ok(Arguments { account, mailbox, filter }) = Arguments::read(&trigger.spec.source_config()) else {
            // It was deployed under other rules.
            tracing::error!(trigger = %trigger.id, "an email trigger's config cannot be read; it fires nothing until it is deployed again");
            continue;
        };
        let place = Place { owner: trigger.owner.clone(), account, mailbox };
        let wanting = Wanting { since: trigger.created_at, filters: Vec::new() };
        let wanting = filters.entry(place).or_insert(wanting);
        wanting.since = trigger.created_at.min(wanting.since);
        wanting.filters.push((trigger.id, filter));
    }
    let mut accounts: BTreeMap<(OwnerId, String), Rules> = BTreeMap::new();
    for (Place { owner, account, mailbox }, Wanting { since, filters }) in filters {
        let rules = accounts.entry((owner, account)).or_insert_with(|| Rules { changes, ..Rules::default() });
        rules.by_mailbox.insert(mailbox, Mailbox { index: Arc::new(FilterIndex::new(filters)), since });
    }
    accounts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use chrono::DateTime;
    use serde_json::json;
    use wren_core::DeploymentId;
    use wren_core::model::{RunPolicy, TriggerKind, TriggerSpec};

    use super::*;

    #[test]
    fn what_says_how_runs_are_run_is_no_rule() {
        let config = json!({"subject": "invoice", "retries": 3, "timeout": "5m", "account": "work"});
        let spec = TriggerSpec {
            kind: TriggerKind::Email,
            func: "handle".to_owned(),
            config: config.as_object().unwrap().clone(),
            schedule: None,
            policy: RunPolicy::default(),
            max_event_age_ms: None,
        };
        let now = DateTime::UNIX_EPOCH;
        let (owner, deployment_id) = (OwnerId::new("ada").unwrap(), DeploymentId::new());
        let trigger =
            Trigger { id: TriggerId::new(), owner, deployment_id, revision: 1, spec, cursor: now, created_at: now };
        let served = by_account(&[trigger], 0);
        let (account, rules) = served.first_key_value().unwrap();
        assert_eq!((account.1.as_str(), rules.by_mailbox["INBOX"].index.len()), ("work", 1));
    }
}
