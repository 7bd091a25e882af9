//! Whether a handler can be called with what its trigger passes.

use super::super::parse::FunctionFacts;
use super::units;
use crate::error::{Error, ErrorCode};
use crate::executor::HandlerSignature;
use crate::model::TriggerKind;
use ruff_text_size::TextRange;

/// Says what is wrong, with the place when the script's text tells it.
pub(super) fn check(
    kind: TriggerKind,
    func: &str,
    facts: Option<&FunctionFacts>,
    inspected: Option<&HandlerSignature>,
) -> Option<(Error, Option<TextRange>)> {
    let name_range = facts.map(|facts| facts.name_range);
    if facts.is_some_and(|facts| facts.is_generator) {
        let error = fault(format!("`{func}` is a generator: calling it would run none of it"))
            .with_hint("replace `yield` with `return`, or collect into a list");
        return Some((error, name_range));
    }
    // A decorator that is not ours may pass arguments of its own: then only Python knows.
    let written = facts.filter(|facts| !facts.is_wrapped);
    let signature = written.map(|facts| &facts.signature).or(inspected)?;
    let required = written.map_or(&[][..], |facts| facts.required.as_slice());
    let passes = if kind == TriggerKind::Schedule { 0 } else { 1 };
    if let Some(name) = signature.required_keywords.first() {
        let error = fault(format!("`{func}` requires the keyword argument `{name}`, which no trigger passes"))
            .with_hint(format!("give `{name}` a default"));
        return Some((error, name_range));
    }
    let event = if kind == TriggerKind::Email { "email" } else { "request" };
    if signature.required > passes {
        let names: Vec<&str> = required.iter().map(|(name, _)| name.as_str()).collect();
        let which = if names.is_empty() { String::new() } else { format!(" ({})", units::list(&names)) };
        let count =
            if signature.required == 1 { "1 argument".to_owned() } else { format!("{} arguments", signature.required) };
        let passed = if passes == 0 {
            "a schedule passes none".to_owned()
        } else {
            format!("{} trigger passes the {event} only", article(kind))
        };
        let hint = if passes == 0 { "remove it or give it a default" } else { "give the others defaults" };
        let place = required.get(passes as usize).map(|(_, range)| *range).or(name_range);
        return Some((fault(format!("`{func}` requires {count}{which}, {passed}")).with_hint(hint), place));
    }
    if signature.max.is_some_and(|max| max < passes) {
        let error = fault(format!("`{func}` takes no argument, {} trigger passes the {event}", article(kind)))
            .with_hint(format!("write `def {func}({event}):`"));
        return Some((error, name_range));
    }
    None
}

const fn article(kind: TriggerKind) -> &'static str {
    match kind {
        TriggerKind::Email => "an email",
        _ => "a webhook",
    }
}

fn fault(message: String) -> Error {
    Error::new(ErrorCode::FunctionSignature, message)
}
