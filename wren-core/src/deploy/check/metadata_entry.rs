//! The triggers that metadata lists, from either of its forms, and those of the script that they are compared with.

use serde_json::{Map, Value, json};

use super::bounded::{short, short_table};
use super::candidates::Candidate;
use super::pairing::pairs;
use super::trigger::{canonical, normalised};
use crate::deploy::DeployMetadata;
use crate::error::Location;
use crate::model::{ScriptSettings, TriggerKind};

/// A trigger of the script, as far as metadata can speak of it.
#[derive(Debug)]
pub(super) struct ScriptTrigger {
    pub(super) kind: String,
    pub(super) func: String,
    pub(super) config: Map<String, Value>,
    pub(super) canonical: Map<String, Value>,
    pub(super) location: Location,
}

impl ScriptTrigger {
    pub(super) fn new(candidate: &Candidate<'_>, settings: &ScriptSettings, location: Location) -> Self {
        Self {
            kind: candidate.kind.clone(),
            func: candidate.func.clone(),
            config: candidate.config.clone(),
            canonical: canonical_of(&candidate.kind, &candidate.config, settings),
            location,
        }
    }

    fn shown(&self) -> Value {
        json!({"type": self.kind, "func": self.func, "config": short_table(&self.config)})
    }
}

/// A trigger of metadata.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) func: String,
    pub(super) config: Map<String, Value>,
    canonical: Map<String, Value>,
}

impl Entry {
    fn new(kind: &str, func: &str, config: &Map<String, Value>, settings: &ScriptSettings) -> Self {
        let config = normalised(config);
        let canonical = canonical_of(kind, &config, settings);
        Self { kind: kind.to_owned(), func: func.to_owned(), config, canonical }
    }

    /// Says whether it is about triggers of that kind and function.
    pub(super) fn names(&self, kind: &str, func: &str) -> bool {
        self.kind == kind && self.func == func
    }

    /// Returns the keys it gives to which a config gives another value. What it leaves out is not compared.
    pub(super) fn differing<'a>(&'a self, other: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
        let keys = self.config.keys().map(String::as_str);
        keys.filter(|key| self.canonical.get(*key) != other.get(*key))
    }

    /// Returns the places of the triggers with which it agrees.
    pub(super) fn fitting(&self, triggers: &[ScriptTrigger]) -> Vec<usize> {
        let fits = |trigger: &ScriptTrigger| {
            self.names(&trigger.kind, &trigger.func) && self.differing(&trigger.canonical).next().is_none()
        };
        triggers.iter().enumerate().filter(|(_, trigger)| fits(trigger)).map(|(index, _)| index).collect()
    }

    pub(super) fn shown(&self) -> Value {
        json!({"type": self.kind, "func": self.func, "config": short_table(&self.config)})
    }
}

/// Merges the two forms: a schedule that an entry of `triggers` tells already is the same trigger.
pub(super) fn entries(metadata: &DeployMetadata, settings: &ScriptSettings) -> Vec<Entry> {
    let triggers = metadata.triggers.iter().flatten();
    let mut entries: Vec<Entry> =
        triggers.map(|trigger| Entry::new(&trigger.kind, &trigger.func, &trigger.config, settings)).collect();
    let schedules: Vec<Entry> = metadata
        .schedules
        .iter()
        .flatten()
        .map(|schedule| {
            let mut config = Map::from_iter([("cron".to_owned(), Value::from(schedule.cron.as_str()))]);
            if let Some(zone) = &schedule.timezone {
                config.insert("timezone".to_owned(), Value::from(zone.as_str()));
            }
            Entry::new(TriggerKind::Schedule.as_str(), &schedule.func_name, &config, settings)
        })
        .collect();
    let repeats = |schedule: &Entry, known: &Entry| {
        schedule.names(&known.kind, &known.func) && schedule.differing(&known.canonical).next().is_none()
    };
    let fits: Vec<Vec<usize>> = schedules
        .iter()
        .map(|schedule| (0..entries.len()).filter(|index| repeats(schedule, &entries[*index])).collect())
        .collect();
    let partners = pairs(&fits, entries.len());
    entries.extend(schedules.into_iter().zip(partners).filter(|(_, known)| known.is_none()).map(|(entry, _)| entry));
    entries
}

/// Returns the script's triggers as a finding shows them.
pub(super) fn shown_all(triggers: &[ScriptTrigger]) -> Value {
    short(&triggers.iter().map(ScriptTrigger::shown).collect())
}

fn canonical_of(kind: &str, config: &Map<String, Value>, settings: &ScriptSettings) -> Map<String, Value> {
    // A kind that nothing serves has no defaults to write out.
    canonical(TriggerKind::parse(kind).unwrap_or(TriggerKind::Manual), config, settings)
}
