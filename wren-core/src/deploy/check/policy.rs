//! The arguments that all triggers share: how their runs are run.

use serde_json::Value;

use super::fields::{Fields, shown};
use super::units::{self, Misfit};
use crate::deploy::DeployRules;
use crate::model::{Backoff, Delivery, Overlap, RunPolicy, ScriptSettings, TriggerKind};

/// The arguments that this module reads.
pub(super) const KEYS: [&str; 5] = ["overlap", "retries", "backoff", "timeout", "delivery"];

const MOST_RETRIES: u32 = 100;

/// Reads the policy of a trigger's runs.
pub(super) fn read(fields: &mut Fields<'_>, settings: &ScriptSettings, rules: &DeployRules) -> RunPolicy {
    let default = RunPolicy::default();
    // A due time that is skipped comes again; an event that is skipped is lost.
    let overlap = if fields.kind == TriggerKind::Schedule { Overlap::Skip } else { Overlap::Allow };
    let choices = [
        ("skip", Overlap::Skip),
        ("queue", Overlap::Queue),
        ("allow", Overlap::Allow),
        ("cancel_previous", Overlap::CancelPrevious),
    ];
    let deliveries = [("at_least_once", Delivery::AtLeastOnce), ("at_most_once", Delivery::AtMostOnce)];
    RunPolicy {
        timeout_ms: fields
            .duration_with("timeout", |text| units::timeout(text, rules.max_timeout_ms))
            .or(settings.timeout_ms)
            .unwrap_or(default.timeout_ms.min(rules.max_timeout_ms)),
        retries: fields.whole("retries", MOST_RETRIES).unwrap_or(default.retries),
        backoff: backoff(fields).unwrap_or(default.backoff),
        overlap: fields.choice("overlap", &choices).unwrap_or(overlap),
        delivery: fields.choice("delivery", &deliveries).unwrap_or(default.delivery),
    }
}

/// Reads `backoff="10s"` or `backoff={"initial": "10s", "max": "10m"}`.
fn backoff(fields: &mut Fields<'_>) -> Option<Backoff> {
    let default = Backoff::default();
    let Value::Object(table) = fields.value("backoff")? else {
        let initial_ms = fields.duration("backoff")?;
        return Some(Backoff { initial_ms, max_ms: default.max_ms.max(initial_ms) });
    };
    let known = ["initial", "max"];
    let mut part = |key: &str| -> Option<u64> {
        let name = format!("backoff.{key}");
        let read = match table.get(key)? {
            Value::String(text) => units::duration(&name, text),
            other => Err(Misfit::wants(&name, "a duration such as \"10s\"", &shown(other))
                .with_hint(units::seconds_hint(&shown(other)))),
        };
        // A place inside the dict is not known, so the fault is the whole argument's.
        read.map_err(|misfit| fields.misfit("backoff", Misfit { span: None, ..misfit })).ok()
    };
    let (initial, max) = (part("initial"), part("max"));
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        let hint = units::meant(key, &known);
        fields.misfit("backoff", Misfit::new(format!("unknown key `{key}` of backoff")).with_hint(hint));
    }
    let initial_ms = initial.unwrap_or_else(|| default.initial_ms.min(max.unwrap_or(u64::MAX)));
    let max_ms = max.unwrap_or_else(|| default.max_ms.max(initial_ms));
    if initial_ms > max_ms {
        let hint = "`initial` is the first wait, `max` the longest".to_owned();
        fields.misfit("backoff", Misfit::new("backoff begins with more than its maximum").with_hint(hint));
        return None;
    }
    Some(Backoff { initial_ms, max_ms })
}
