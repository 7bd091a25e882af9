//! The last stage without a store: what was read becomes a manifest, or diagnostics.

mod bounded;
mod callable;
mod candidates;
mod checker;
mod fields;
mod instant;
mod metadata;
mod metadata_entry;
mod pairing;
mod policy;
mod schedule;
mod signature;
mod trigger;
pub(super) mod units;

use std::collections::HashSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};

pub use self::trigger::source_config;

use self::callable::Callables;
use self::checker::Checker;
use self::metadata::ScriptSays;
use self::metadata_entry::ScriptTrigger;
use super::location::SourceMap;
use super::parse::Parsed;
use super::{DeployMetadata, DeployRules, Examination, MOST_DIAGNOSTICS};
use crate::error::{Error, ErrorCode};
use crate::executor::Inspection;
use crate::model::{Manifest, TriggerSpec};

/// Checks what the earlier stages read. Without an inspection, only what is written out is known.
#[must_use]
pub fn check(
    parsed: Parsed,
    inspection: Option<&Inspection>,
    metadata: Option<&DeployMetadata>,
    rules: &DeployRules,
    now: DateTime<Utc>,
) -> Examination {
    let callables = Callables::of(&parsed.functions);
    let most = rules.most_triggers();
    let candidates = candidates::gather(&parsed.declared, inspection, &parsed.map, most);
    let mut checker = Checker::new(&parsed, &callables, rules, now);
    // First, so that it is told even when the triggers have more faults than anyone reads.
    checker.check_count(&candidates, inspection);
    checker.check_scopes();
    let triggers: Vec<TriggerSpec> =
        candidates.iter().take(most).filter_map(|candidate| checker.check_candidate(candidate)).collect();
    checker.check_repeats(&candidates);
    let integrations = checker.check_integrations(inspection);
    let import_error = inspection.and_then(|inspection| inspection.error.clone());
    // All of the script was seen: what is missing is really missing.
    let complete = parsed.runnable && import_error.is_none();
    if complete && callables.names.is_empty() && candidates.is_empty() && parsed.declared.is_empty() {
        checker.diagnostics.push(nothing_to_run());
    }
    if let Some(metadata) = metadata {
        let triggers: Vec<ScriptTrigger> =
            candidates.iter().take(most).map(|candidate| checker.script_trigger(candidate)).collect();
        let says = ScriptSays {
            integrations: &integrations,
            triggers: &triggers,
            settings: &parsed.settings,
            callables: &callables,
            complete,
        };
        let found = metadata::check(metadata, &says, rules);
        checker.diagnostics.extend(found);
    }
    let Checker { mut diagnostics, dropped, covered, .. } = checker;
    let manifest = Manifest {
        integrations: integrations.into_iter().collect(),
        functions: runnable_functions(&callables, &triggers),
        triggers,
        settings: parsed.settings.clone(),
    };
    drop(candidates);
    let Parsed { map, diagnostics: read, .. } = parsed;
    diagnostics.extend(read);
    if let Some(error) = import_error {
        diagnostics.extend(unexplained(Error::from(error), &diagnostics, &covered, &map));
    }
    Examination { manifest, diagnostics: in_order(diagnostics, dropped) }
}

/// Returns what a run by hand may name: the functions of the text, then those that only the triggers show to be there,
/// such as an imported one.
fn runnable_functions(callables: &Callables<'_>, triggers: &[TriggerSpec]) -> Vec<String> {
    let mut functions: Vec<String> = callables.names.iter().map(|name| (*name).to_owned()).collect();
    let mut added = HashSet::new();
    for trigger in triggers {
        if !callables.has(&trigger.func) && added.insert(trigger.func.as_str()) {
            functions.push(trigger.func.clone());
        }
    }
    functions
}

fn nothing_to_run() -> Error {
    Error::new(ErrorCode::InvalidMetadata, "the script has nothing to run: no trigger and no function")
        .with_hint("define a function and decorate it, as in `@wren.on_schedule(\"0 9 * * *\")`")
}

/// Returns why the import failed, unless something else wrong at the same line is why.
fn unexplained(error: Error, known: &[Error], covered: &[RangeInclusive<u32>], map: &SourceMap) -> Option<Error> {
    let Some(place) = error.location().cloned() else { return Some(error) };
    // What metadata says has no part in an import.
    let explains = |known: &&Error| known.code() != ErrorCode::MetadataMismatch;
    let mut lines = known.iter().filter(explains).filter_map(|known| Some(known.location()?.line));
    let explained = covered.iter().any(|lines| lines.contains(&place.line)) || lines.any(|line| line == place.line);
    (!explained).then(|| error.with_location(map.complete(place)))
}

/// Sorts by place, what has none last, and leaves out what is said twice.
fn in_order(mut diagnostics: Vec<Error>, dropped: usize) -> Vec<Error> {
    let place = |error: &Error| {
        error.location().map_or((u32::MAX, u32::MAX), |place| (place.line, place.column.unwrap_or_default()))
    };
    diagnostics.sort_by_key(place);
    let mut seen = HashSet::new();
    diagnostics.retain(|error| seen.insert((place(error), error.code(), error.message().to_owned())));
    let more = diagnostics.len().saturating_sub(MOST_DIAGNOSTICS) + dropped;
    diagnostics.truncate(MOST_DIAGNOSTICS);
    let mut diagnostics: Vec<Error> = diagnostics.into_iter().map(bounded::bounded).collect();
    match diagnostics.pop() {
        Some(last) if more > 0 => diagnostics.push(last.with_detail("further_diagnostics", more)),
        last => diagnostics.extend(last),
    }
    diagnostics
}
