//! Whether a handler can be called with what its trigger passes.

use ruff_text_size::TextRange;

use super::super::parse::FunctionFacts;
use super::units;
use crate::error::{Error, ErrorCode};
use crate::executor::HandlerSignature;
use crate::model::TriggerKind;

/// What is known of a handler.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handler<'a> {
    pub(super) func: &'a str,
    /// What the text says of its `def`.
    pub(super) facts: Option<&'a FunctionFacts>,
    /// What Python measured: it counts, since the name may be bound to something else by the end of the script.
    pub(super) inspected: Option<&'a HandlerSignature>,
    /// Another decorator or an assignment may have put something else in the place of the `def`.
    pub(super) is_replaced: bool,
}

/// Says what is wrong, with the place when the script's text tells it.
pub(super) fn check(kind: TriggerKind, handler: Handler<'_>) -> Option<(Error, Option<TextRange>)> {
    let Handler { func, facts, inspected, is_replaced } = handler;
    let name_range = facts.map(|facts| facts.name_range);
    let written = facts.filter(|_| !is_replaced);
    if written.is_some_and(|facts| facts.is_generator) {
        let error = fault(format!("`{func}` is a generator: calling it would run none of it"))
            .with_hint("replace `yield` with `return`, or collect into a list");
        return Some((error, name_range));
    }
    let signature = inspected.or(written.map(|facts| &facts.signature))?;
    // The text names the arguments only if it speaks of what Python measured.
    let required = written.filter(|facts| facts.signature == *signature).map_or(&[][..], |facts| &facts.required);
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
        let hint = match (passes, names.iter().any(|name| ["context", "ctx", "event"].contains(name))) {
            (0, true) => format!("write `def {func}():`; what a run knows of itself is in `wren.context()`"),
            (0, false) => format!("write `def {func}():`, or give every parameter a default"),
            _ => format!("write `def {func}({event}):` and take the rest from `{event}`, or give the others defaults"),
        };
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
