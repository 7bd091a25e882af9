//! What the sender believes the script declares, against what it does declare.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use super::bounded::{short, short_table};
use super::callable::Callables;
use super::metadata_entry::{Entry, ScriptTrigger, entries, shown_all};
use super::pairing::pairs;
use super::trigger::{is_served, unserved};
use super::units;
use crate::deploy::{DeployMetadata, DeployRules, MOST_DIAGNOSTICS};
use crate::error::{Error, ErrorCode};
use crate::model::{ScriptSettings, TriggerKind};

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

/// Compares, and returns every difference. What lists more than a script may declare is not compared at all.
pub(super) fn check(metadata: &DeployMetadata, script: &ScriptSays<'_>, rules: &DeployRules) -> Vec<Error> {
    let mut errors = too_many(metadata, rules);
    if !errors.is_empty() {
        return errors;
    }
    if let Some(integrations) = &metadata.integrations {
        check_integrations(integrations, script, rules, &mut errors);
    }
    let entries = entries(metadata, script.settings);
    let fits: Vec<Vec<usize>> = entries.iter().map(|entry| entry.fitting(script.triggers)).collect();
    let partners = pairs(&fits, script.triggers.len());
    let mut open = vec![true; script.triggers.len()];
    for index in partners.iter().flatten() {
        open[*index] = false;
    }
    let of_triggers: HashSet<&str> = script.triggers.iter().map(|trigger| trigger.func.as_str()).collect();
    let all = shown_all(script.triggers);
    for (entry, partner) in entries.iter().zip(&partners) {
        let kind = TriggerKind::parse(&entry.kind).filter(|kind| is_served(*kind, rules));
        if kind.is_none() {
            errors.push(unserved(&entry.kind, rules));
        }
        if !script.callables.has(&entry.func) && !of_triggers.contains(entry.func.as_str()) {
            if script.complete {
                errors.push(script.callables.not_found(&entry.func));
            }
        } else if kind.is_some() && partner.is_none() {
            errors.extend(difference(entry, script, &all, &mut open));
        }
    }
    if metadata.triggers.is_none() && metadata.schedules.is_none() || !script.complete {
        return errors;
    }
    // The older form cannot speak of anything but cron.
    let only_cron = metadata.triggers.is_none();
    let unlisted = script.triggers.iter().zip(&open).filter(|(trigger, open)| {
        let is_cron = trigger.kind == TriggerKind::Schedule.as_str() && trigger.config.contains_key("cron");
        **open && (is_cron || !only_cron)
    });
    let given: Value = short(&entries.iter().map(Entry::shown).collect());
    for (trigger, _) in unlisted {
        let message = format!(
            "the script declares the {} trigger of `{}`, which metadata does not list",
            trigger.kind, trigger.func
        );
        errors.push(mismatch(message, all.clone(), given.clone()).with_location(trigger.location.clone()));
    }
    errors
}

/// Refuses lists that no script could match: comparing them is quadratic.
fn too_many(metadata: &DeployMetadata, rules: &DeployRules) -> Vec<Error> {
    let lists = [
        ("integrations", metadata.integrations.as_ref().map_or(0, Vec::len), MOST_DIAGNOSTICS),
        ("triggers", metadata.triggers.as_ref().map_or(0, Vec::len), rules.max_triggers),
        ("schedules", metadata.schedules.as_ref().map_or(0, Vec::len), rules.max_triggers),
    ];
    let over = lists.into_iter().filter(|(_, given, most)| given > most);
    over.map(|(name, given, most)| {
        Error::new(ErrorCode::InvalidMetadata, format!("metadata lists {given} {name}, at most {most} are allowed"))
            .with_hint("leave the metadata out: the script says it all")
    })
    .collect()
}

fn check_integrations(given: &[String], script: &ScriptSays<'_>, rules: &DeployRules, errors: &mut Vec<Error>) {
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    let (known, unknown): (BTreeSet<&str>, BTreeSet<&str>) =
        given.iter().partition(|name| rules.integrations.find(name).is_some());
    errors.extend(unknown.iter().map(|name| rules.integrations.unknown(name)));
    let expected: Vec<&str> = script.integrations.iter().map(String::as_str).collect();
    let differs = known.iter().any(|name| !script.integrations.contains(*name))
        || expected.iter().any(|name| !known.contains(name));
    if differs && script.complete {
        let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { units::list(names) };
        let got: Vec<&str> = given.into_iter().collect();
        let message = format!("metadata lists the integrations {}, the script imports {}", list(&got), list(&expected));
        errors.push(mismatch(message, short(&json!(expected)), short(&json!(got))));
    }
}

/// Says how an entry that no trigger fits differs from the one it means, or that there is none.
fn difference(entry: &Entry, script: &ScriptSays<'_>, all: &Value, open: &mut [bool]) -> Option<Error> {
    let same = script.triggers.iter().enumerate().filter(|(_, trigger)| entry.names(&trigger.kind, &trigger.func));
    let nearest = same.min_by_key(|(index, trigger)| (!open[*index], entry.differing(&trigger.canonical).count()));
    let Some((index, trigger)) = nearest else {
        let message =
            format!("metadata lists the {} trigger of `{}`, which the script does not declare", entry.kind, entry.func);
        return script.complete.then(|| mismatch(message, all.clone(), short(&entry.shown())));
    };
    open[index] = false;
    let message = match entry.differing(&trigger.canonical).next() {
        Some(key) => format!(
            "metadata gives `{key}` of `{}` as {}, the script as {}",
            entry.func,
            shown(entry.config.get(key)),
            shown(trigger.config.get(key).or(trigger.canonical.get(key))),
        ),
        None => format!("metadata lists the {} trigger of `{}` more often than the script", entry.kind, entry.func),
    };
    let (expected, got) = (short_table(&trigger.config), short_table(&entry.config));
    Some(mismatch(message, expected, got).with_location(trigger.location.clone()))
}

fn mismatch(message: String, expected: Value, got: Value) -> Error {
    Error::new(ErrorCode::MetadataMismatch, message)
        .with_hint("the script counts: correct the metadata, or leave it out")
        .with_detail("expected", expected)
        .with_detail("got", got)
}

fn shown(value: Option<&Value>) -> String {
    match value.map(short) {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}
