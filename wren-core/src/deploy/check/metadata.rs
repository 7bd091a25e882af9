//! What the sender believes the script declares, against what it does declare.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::callable::Callables;
use super::trigger::{canonical, is_served, normalised, unserved};
use super::units;
use crate::deploy::{DeployMetadata, DeployRules};
use crate::error::{Error, ErrorCode, Location};
use crate::model::{ScriptSettings, TriggerKind};

/// A trigger of the script, as far as metadata can speak of it.
#[derive(Debug)]
pub(super) struct ScriptTrigger {
    pub(super) kind: String,
    pub(super) func: String,
    pub(super) config: Map<String, Value>,
    pub(super) location: Location,
}

/// What the script says, for comparing.
#[derive(Debug)]
pub(super) struct ScriptSays<'a> {
    pub(super) integrations: &'a BTreeSet<String>,
    pub(super) triggers: &'a [ScriptTrigger],
    pub(super) settings: &'a ScriptSettings,
    pub(super) callables: &'a Callables<'a>,
    /// All of the script was seen: what is missing is really missing.
    pub(super) complete: bool,
}

/// A trigger of metadata, from either form.
#[derive(Debug)]
struct Entry {
    kind: String,
    func: String,
    config: Map<String, Value>,
}

/// Compares, and returns every difference.
pub(super) fn check(metadata: &DeployMetadata, script: &ScriptSays<'_>, rules: &DeployRules) -> Vec<Error> {
    let mut errors = Vec::new();
    if let Some(integrations) = &metadata.integrations {
        check_integrations(integrations, script, rules, &mut errors);
    }
    let (entries, only_cron) = entries(metadata, script.settings);
    let mut open: Vec<bool> = vec![true; script.triggers.len()];
    for entry in &entries {
        check_entry(entry, script, rules, &mut open, &mut errors);
    }
    if metadata.triggers.is_none() && metadata.schedules.is_none() || !script.complete {
        return errors;
    }
    for (trigger, _) in script.triggers.iter().zip(&open).filter(|(_, open)| **open) {
        // The older form cannot speak of anything but cron.
        if only_cron && !(trigger.kind == TriggerKind::Schedule.as_str() && trigger.config.contains_key("cron")) {
            continue;
        }
        let message = format!(
            "the script declares the {} trigger of `{}`, which metadata does not list",
            trigger.kind, trigger.func
        );
        errors.push(
            mismatch(message, shown_all(script.triggers), entries.iter().map(shown_entry).collect())
                .with_location(trigger.location.clone()),
        );
    }
    errors
}

fn check_integrations(given: &[String], script: &ScriptSays<'_>, rules: &DeployRules, errors: &mut Vec<Error>) {
    let given_set: BTreeSet<String> = given.iter().cloned().collect();
    let (known, unknown): (BTreeSet<&String>, BTreeSet<&String>) =
        given_set.iter().partition(|name| rules.integrations.find(name).is_some());
    errors.extend(unknown.iter().map(|name| rules.integrations.unknown(name)));
    let lists_more = known.iter().any(|name| !script.integrations.contains(*name));
    let lists_less = script.complete && script.integrations.iter().any(|name| !known.contains(name));
    if lists_less || (lists_more && script.complete) {
        let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { units::list(&names) };
        let expected: Vec<&str> = script.integrations.iter().map(String::as_str).collect();
        let got: Vec<&str> = given_set.iter().map(String::as_str).collect();
        let message = format!(
            "metadata lists the integrations {}, the script imports {}",
            list(got.clone()),
            list(expected.clone())
        );
        errors.push(mismatch(message, json!(expected), json!(got)));
    }
}

/// Merges the two forms: a schedule that an entry of `triggers` tells already is the same trigger. Says also whether
/// metadata has the older form only.
fn entries(metadata: &DeployMetadata, settings: &ScriptSettings) -> (Vec<Entry>, bool) {
    let triggers = metadata.triggers.iter().flatten();
    let mut entries: Vec<Entry> = triggers
        .map(|trigger| Entry {
            kind: trigger.kind.clone(),
            func: trigger.func.clone(),
            config: normalised(&trigger.config),
        })
        .collect();
    let mut matched = vec![false; entries.len()];
    for schedule in metadata.schedules.iter().flatten() {
        let mut config = Map::from_iter([("cron".to_owned(), Value::from(schedule.cron.as_str()))]);
        if let Some(zone) = &schedule.timezone {
            config.insert("timezone".to_owned(), Value::from(zone.as_str()));
        }
        let kind = TriggerKind::Schedule;
        let entry = Entry { kind: kind.as_str().to_owned(), func: schedule.func_name.clone(), config };
        let repeats = entries.iter().zip(&matched).position(|(known, matched)| {
            !matched
                && known.kind == entry.kind
                && known.func == entry.func
                && agrees(&entry.config, &known.config, kind, settings)
        });
        match repeats {
            Some(index) => matched[index] = true,
            None => {
                entries.push(entry);
                matched.push(true);
            }
        }
    }
    (entries, metadata.triggers.is_none())
}

/// Says whether every key that is given has the value that the script gives it. A key that is left out is not compared.
fn agrees(
    given: &Map<String, Value>,
    script: &Map<String, Value>,
    kind: TriggerKind,
    settings: &ScriptSettings,
) -> bool {
    differing(given, script, kind, settings).is_none()
}

fn differing<'a>(
    given: &'a Map<String, Value>,
    script: &Map<String, Value>,
    kind: TriggerKind,
    settings: &ScriptSettings,
) -> Option<&'a str> {
    let (mine, theirs) = (canonical(kind, script, settings), canonical(kind, given, settings));
    given.keys().find(|key| mine.get(key.as_str()) != theirs.get(key.as_str())).map(String::as_str)
}

fn check_entry(
    entry: &Entry,
    script: &ScriptSays<'_>,
    rules: &DeployRules,
    open: &mut [bool],
    errors: &mut Vec<Error>,
) {
    let kind = TriggerKind::parse(&entry.kind).filter(|kind| is_served(*kind, rules));
    if kind.is_none() {
        errors.push(unserved(&entry.kind, rules));
    }
    let known = script.callables.names.contains(&entry.func.as_str());
    let of_script = script.triggers.iter().any(|trigger| trigger.func == entry.func);
    if !known && !of_script {
        if script.complete {
            errors.push(script.callables.not_found(&entry.func));
        }
        return;
    }
    let Some(kind) = kind else { return };
    let mut same = script
        .triggers
        .iter()
        .enumerate()
        .filter(|(_, trigger)| trigger.kind == entry.kind && trigger.func == entry.func);
    let is_open = |index: &usize| open.get(*index).copied().unwrap_or(false);
    let agreeing = same
        .clone()
        .find(|(index, trigger)| is_open(index) && agrees(&entry.config, &trigger.config, kind, script.settings));
    if let Some((index, _)) = agreeing {
        open[index] = false;
        return;
    }
    let nearest = same.clone().find(|(index, _)| is_open(index)).or_else(|| same.next());
    match nearest {
        Some((index, trigger)) => {
            open[index] = false;
            let key = differing(&entry.config, &trigger.config, kind, script.settings);
            let message = match key {
                Some(key) => format!(
                    "metadata gives `{key}` of `{}` as {}, the script as {}",
                    entry.func,
                    shown(entry.config.get(key)),
                    shown(canonical(kind, &trigger.config, script.settings).get(key)),
                ),
                None => {
                    format!("metadata lists the {} trigger of `{}` more often than the script", entry.kind, entry.func)
                }
            };
            errors.push(
                mismatch(message, Value::Object(trigger.config.clone()), Value::Object(entry.config.clone()))
                    .with_location(trigger.location.clone()),
            );
        }
        None if script.complete => {
            let message = format!(
                "metadata lists the {} trigger of `{}`, which the script does not declare",
                entry.kind, entry.func
            );
            errors.push(mismatch(message, shown_all(script.triggers), shown_entry(entry)));
        }
        None => {}
    }
}

fn mismatch(message: String, expected: Value, got: Value) -> Error {
    Error::new(ErrorCode::MetadataMismatch, message)
        .with_hint("the script counts: correct the metadata, or leave it out")
        .with_detail("expected", expected)
        .with_detail("got", got)
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(
        || "nothing".to_owned(),
        |value| match value {
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        },
    )
}

fn shown_all(triggers: &[ScriptTrigger]) -> Value {
    let shown = |trigger: &ScriptTrigger| json!({"type": trigger.kind, "func": trigger.func, "config": trigger.config});
    triggers.iter().map(shown).collect()
}

fn shown_entry(entry: &Entry) -> Value {
    json!({"type": entry.kind, "func": entry.func, "config": entry.config})
}
