//! The triggers to check: what Python registered, joined with where the text declares it.

use serde_json::{Map, Value};

use super::trigger::normalised;
use crate::deploy::location::SourceMap;
use crate::deploy::parse::{Declared, Scope};
use crate::executor::{HandlerSignature, InspectedTrigger, Inspection};

/// A trigger to check.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) kind: String,
    pub(super) func: String,
    pub(super) config: Map<String, Value>,
    /// Its decorator in the text; none for one that was registered by other means.
    pub(super) declared: Option<&'a Declared>,
    /// The decorator's line.
    pub(super) line: u32,
    /// What the SDK found wrong with the decorator's use.
    pub(super) problems: &'a [String],
    pub(super) signature: Option<&'a HandlerSignature>,
}

/// Gathers the triggers, in the order of the source.
///
/// What Python registered is what counts: it knows computed arguments and branches. A decorator at the top level whose
/// arguments are all written out counts too when Python got no chance to see it, because the import failed before.
pub(super) fn gather<'a>(
    declared: &'a [Declared],
    inspection: Option<&'a Inspection>,
    map: &SourceMap,
) -> Vec<Candidate<'a>> {
    let inspected = inspection.map_or(&[][..], |inspection| &inspection.triggers);
    let mut partners = partners(declared, inspected, map);
    let mut candidates: Vec<Candidate<'a>> = inspected
        .iter()
        .zip(&partners)
        .map(|(trigger, partner)| Candidate {
            kind: trigger.kind.clone(),
            func: trigger.func.clone(),
            config: normalised(&trigger.config),
            declared: partner.map(|index| &declared[index]),
            line: partner.map_or(trigger.line, |index| map.line_of(declared[index].range.start())),
            problems: &trigger.problems,
            signature: Some(&trigger.signature),
        })
        .collect();
    partners.retain(Option::is_some);
    for (index, trigger) in declared.iter().enumerate() {
        if partners.contains(&Some(index)) || trigger.scope != Scope::Top {
            continue;
        }
        let Some(config) = trigger.config() else { continue };
        candidates.push(Candidate {
            kind: trigger.kind.as_str().to_owned(),
            func: trigger.func.clone(),
            config: normalised(&config),
            declared: Some(trigger),
            line: map.line_of(trigger.range.start()),
            problems: &[],
            signature: None,
        });
    }
    candidates.sort_by_key(|candidate| (candidate.line, candidate.declared.map(|declared| declared.range.start())));
    candidates
}

/// Finds the decorator of each registered trigger: by its line, or else the next one of the same kind and function.
fn partners(declared: &[Declared], inspected: &[InspectedTrigger], map: &SourceMap) -> Vec<Option<usize>> {
    let mut taken = vec![false; declared.len()];
    let mut partners = vec![None; inspected.len()];
    for by_line in [true, false] {
        for (trigger, partner) in inspected.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
            let fits = |found: &Declared| {
                let lines = map.line_of(found.head.start())..=map.line_of(found.range.end());
                found.kind.as_str() == trigger.kind
                    && found.func == trigger.func
                    && (!by_line || lines.contains(&trigger.line))
            };
            let found = declared.iter().enumerate().find(|(index, found)| !taken[*index] && fits(found));
            if let Some((index, _)) = found {
                taken[index] = true;
                *partner = Some(index);
            }
        }
    }
    partners
}
