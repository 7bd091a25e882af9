//! The functions that a run can call by name, and those that only look so.

use std::collections::{HashMap, HashSet};

use crate::deploy::parse::{FunctionFacts, Scope};
use crate::error::{Error, ErrorCode};
use crate::suggest::nearest;

use super::units;

/// The functions of a script, by whether a run can call them.
#[derive(Debug)]
pub(super) struct Callables<'a> {
    /// Those of the top level, in the order of the source and each once.
    pub(super) names: Vec<&'a str>,
    known: HashSet<&'a str>,
    /// The others, with where they are.
    hidden: HashMap<&'a str, &'a Scope>,
}

impl<'a> Callables<'a> {
    pub(super) fn of(functions: &'a [FunctionFacts]) -> Self {
        let mut callables = Self { names: Vec::new(), known: HashSet::new(), hidden: HashMap::new() };
        for facts in functions {
            if is_hidden(&facts.scope) {
                callables.hidden.entry(&facts.name).or_insert(&facts.scope);
            } else if callables.known.insert(&facts.name) {
                callables.names.push(&facts.name);
            }
        }
        callables
    }

    /// Says whether a function is at the top level.
    pub(super) fn has(&self, func: &str) -> bool {
        self.known.contains(func)
    }

    /// Makes the error for a function that is not there, or not where a run could call it.
    pub(super) fn not_found(&self, func: &str) -> Error {
        let hint = match self.hidden.get(func).and_then(|scope| hidden_place(scope)) {
            Some(place) => format!("`{func}` is defined {place}: move it to the top level"),
            None => match nearest(func, self.names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.names.is_empty() => "the script defines no function".to_owned(),
                None => format!("the script defines {}", units::list(&self.names)),
            },
        };
        Error::new(ErrorCode::FunctionNotFound, format!("the script has no function `{func}` at its top level"))
            .with_hint(hint)
            .with_detail("func", func)
    }
}

/// Says whether no run can call a function that stands there.
pub(super) fn is_hidden(scope: &Scope) -> bool {
    matches!(scope, Scope::Main | Scope::Inside(_))
}

/// Says where a function is that no run can call.
pub(super) fn hidden_place(scope: &Scope) -> Option<String> {
    match scope {
        Scope::Top | Scope::Conditional => None,
        Scope::Main => Some("under `if __name__ == \"__main__\"`".to_owned()),
        Scope::Inside(outer) => Some(format!("inside `{outer}`")),
    }
}
