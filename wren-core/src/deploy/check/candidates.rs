//! The triggers to check: what Python registered, joined with where the text declares it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::callable::is_hidden;
use super::trigger::normalised;
use crate::deploy::location::SourceMap;
use crate::deploy::parse::{Declared, Scope};
use crate::executor::{HandlerSignature, InspectedTrigger, Inspection};

/// A trigger to check.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) kind: String,
    /// The name that a run calls.
    pub(super) func: String,
    pub(super) config: Map<String, Value>,
    /// Its decorator in the text; none for one that was registered by other means.
    pub(super) declared: Option<&'a Declared>,
    /// The decorator's line.
    pub(super) line: u32,
    /// What the SDK found wrong with the decorator's use.
    pub(super) problems: Vec<&'a str>,
    /// How Python says that it may be called; none when Python did not see it.
    pub(super) signature: Option<&'a HandlerSignature>,
}

/// Gathers the triggers, in the order of the source; of each side at most so many, for pairing them is quadratic.
///
/// What Python registered is what counts: it knows computed arguments and branches. A decorator at the top level whose
/// arguments are all written out counts too when Python got no chance to see it, because the import failed before.
pub(super) fn gather<'a>(
    declared: &'a [Declared],
    inspection: Option<&'a Inspection>,
    map: &SourceMap,
    most: usize,
) -> Vec<Candidate<'a>> {
    let declared = &declared[..declared.len().min(most)];
    let inspected = inspection.map_or(&[][..], |inspection| &inspection.triggers);
    let inspected = &inspected[..inspected.len().min(most)];
    let partners = partners(declared, inspected, map);
    let taken: HashSet<usize> = partners.iter().copied().flatten().collect();
    let seen = inspected.iter().zip(&partners).map(|(trigger, partner)| {
        let partner = partner.map(|index| &declared[index]);
        let mut candidate = Candidate {
            kind: trigger.kind.clone(),
            func: trigger.func.clone(),
            config: normalised(&trigger.config),
            declared: partner,
            line: partner.map_or(trigger.line, |declared| map.line_of(declared.range.start())),
            problems: trigger.problems.iter().map(String::as_str).collect(),
            signature: Some(&trigger.signature),
        };
        if let Some(declared) = partner.filter(|declared| declared.func != trigger.func) {
            take_name(&mut candidate, declared);
        }
        candidate
    });
    let unseen = declared.iter().enumerate().filter(|(index, trigger)| {
        // In a branch, Python decides whether there is a trigger at all.
        trigger.scope == Scope::Top && !taken.contains(index)
    });
    let unseen = unseen.filter_map(|(_, trigger)| {
        Some(Candidate {
            kind: trigger.kind.as_str().to_owned(),
            func: trigger.func.clone(),
            config: normalised(&trigger.config()?),
            declared: Some(trigger),
            line: map.line_of(trigger.range.start()),
            problems: Vec::new(),
            signature: None,
        })
    });
    let mut candidates: Vec<Candidate<'a>> = seen.chain(unseen).collect();
    candidates.sort_by_key(|candidate| (candidate.line, candidate.declared.map(|declared| declared.range.start())));
    candidates
}

/// Gives a trigger the name of its `def`. Under a decorator without `functools.wraps` Python registers the inner
/// function, say `wrapper`; the module's name is that of the `def`, it is bound to the same object, and a run finds it.
fn take_name(candidate: &mut Candidate<'_>, declared: &Declared) {
    candidate.func.clone_from(&declared.func);
    if !is_hidden(&declared.scope) {
        // The SDK complains of the inner function's place, which is of no account then.
        let complaint = format!("on_{} must decorate a function", declared.kind.as_str());
        candidate.problems.retain(|problem| !problem.starts_with(&complaint));
    }
}

/// Finds the decorator of each registered trigger: by its line, best with the same function, or else the next one of the
/// same kind and function.
fn partners(declared: &[Declared], inspected: &[InspectedTrigger], map: &SourceMap) -> Vec<Option<usize>> {
    let lines: Vec<_> = declared
        .iter()
        .map(|declared| map.line_of(declared.head.start())..=map.line_of(declared.range.end()))
        .collect();
    let mut taken = vec![false; declared.len()];
    let mut partners = vec![None; inspected.len()];
    for (by_line, by_name) in [(true, true), (true, false), (false, true)] {
        for (trigger, partner) in inspected.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
            let found = declared.iter().enumerate().position(|(index, found)| {
                !taken[index]
                    && found.kind.as_str() == trigger.kind
                    && (!by_line || lines[index].contains(&trigger.line))
                    && (!by_name || found.func == trigger.func)
            });
            if let Some(index) = found {
                taken[index] = true;
                *partner = Some(index);
            }
        }
    }
    // A decorator in a loop, or in a function that is called again, registers as often as it is come to.
    for (trigger, partner) in inspected.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
        *partner = declared.iter().enumerate().position(|(index, found)| {
            found.kind.as_str() == trigger.kind && found.func == trigger.func && lines[index].contains(&trigger.line)
        });
    }
    partners
}
