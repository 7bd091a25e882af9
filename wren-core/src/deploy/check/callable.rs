//! The functions that a run can call by name, and those that only look so.

use std::collections::HashSet;

use crate::deploy::parse::{FunctionFacts, Scope};
use crate::error::{Error, ErrorCode};
use crate::suggest::nearest;

use super::units;

/// The functions of a script, by whether a run can call them.
#[derive(Debug)]
pub(super) struct Callables<'a> {
    /// Those of the top level, in the order of the source and each once.
    pub(super) names: Vec<&'a str>,
    /// The others, with where they are.
    hidden: Vec<(&'a str, String)>,
}

impl<'a> Callables<'a> {
    pub(super) fn of(functions: &'a [FunctionFacts]) -> Self {
        let mut seen = HashSet::new();
        let top = functions.iter().filter(|facts| hidden_place(&facts.scope).is_none());
        let names = top.map(|facts| facts.name.as_str()).filter(|name| seen.insert(*name)).collect();
        let hidden =
            functions.iter().filter_map(|facts| Some((facts.name.as_str(), hidden_place(&facts.scope)?))).collect();
        Self { names, hidden }
    }

    /// Makes the error for a function that is not there, or not where a run could call it.
    pub(super) fn not_found(&self, func: &str) -> Error {
        let hint = match self.hidden.iter().find(|(name, _)| *name == func) {
            Some((_, place)) => format!("`{func}` is defined {place}: move it to the top level"),
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

/// Says where a function is that no run can call.
pub(super) fn hidden_place(scope: &Scope) -> Option<String> {
    match scope {
        Scope::Top | Scope::Conditional => None,
        Scope::Main => Some("under `if __name__ == \"__main__\"`".to_owned()),
        Scope::Inside(outer) => Some(format!("inside `{outer}`")),
    }
}
