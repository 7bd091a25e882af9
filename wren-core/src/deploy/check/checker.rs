//! The checks of one script: every trigger on its own, then all of them together.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use ruff_text_size::{TextRange, TextSize};
use serde_json::{Map, Value};

use super::callable::{Callables, hidden_place};
use super::candidates::Candidate;
use super::fields::Fault;
use super::metadata::ScriptTrigger;
use super::{signature, trigger};
use crate::deploy::DeployRules;
use crate::deploy::parse::{Declared, Parsed, Scope};
use crate::error::{Error, ErrorCode, Location};
use crate::executor::Inspection;
use crate::model::{TriggerKind, TriggerSpec};

#[derive(Debug)]
pub(super) struct Checker<'a> {
    pub(super) parsed: &'a Parsed,
    pub(super) callables: &'a Callables<'a>,
    pub(super) rules: &'a DeployRules,
    pub(super) now: DateTime<Utc>,
    pub(super) diagnostics: Vec<Error>,
    /// The lines of decorators that something is wrong with: an import that fails there fails because of it.
    pub(super) covered: HashSet<u32>,
}

impl Checker<'_> {
    /// Refuses triggers on functions that a run cannot call by name, and on names that are defined again.
    pub(super) fn check_scopes(&mut self) {
        for declared in self.parsed.declared.iter().take(self.most()) {
            if let Some(place) = hidden_place(&declared.scope) {
                let error = Error::new(
                    ErrorCode::FunctionNotFound,
                    format!("`{}` has a trigger but is defined {place}, where no run can call it", declared.func),
                );
                self.push_at(
                    error.with_hint("move the function to the top level of the script"),
                    declared,
                    declared.range,
                );
                continue;
            }
            let again = self.parsed.functions.iter().find(|facts| {
                facts.scope == Scope::Top
                    && facts.name == declared.func
                    && facts.name_range.start() > declared.head.end()
            });
            if let Some(again) = again {
                let error = Error::new(ErrorCode::InvalidMetadata, format!("`{}` is defined twice", declared.func))
                    .with_hint("rename one of them: both triggers would call the second")
                    .with_location(self.parsed.map.locate(again.name_range));
                self.diagnostics.push(error);
            }
        }
    }

    pub(super) fn check_candidate(&mut self, candidate: &Candidate<'_>) -> Option<TriggerSpec> {
        if candidate.declared.is_some_and(|declared| hidden_place(&declared.scope).is_some()) {
            return None;
        }
        let misused = self.check_use(candidate);
        let kind = TriggerKind::parse(&candidate.kind).filter(|kind| *kind != TriggerKind::Manual);
        let Some(kind) = kind else {
            let place = self.place(candidate, None);
            self.diagnostics.push(trigger::unserved(&candidate.kind, self.rules).with_location(place));
            return None;
        };
        let signed = self.check_function(candidate, kind);
        let settings = &self.parsed.settings;
        let read = trigger::read(kind, &candidate.func, &candidate.config, settings, self.rules, self.now);
        for fault in read.faults {
            // A misused decorator lost its arguments; that they are missing is no news.
            if !(misused && fault.key.is_none()) {
                let place = self.place(candidate, Some(&fault));
                let mut error = Error::new(fault.code, fault.message).with_location(place);
                if let Some(hint) = fault.hint {
                    error = error.with_hint(hint);
                }
                self.cover(candidate);
                self.diagnostics.push(error);
            }
        }
        for error in read.errors {
            let key = error.details().get("argument").and_then(Value::as_str).map(str::to_owned);
            let fault =
                Fault { key, on_key: false, code: error.code(), message: String::new(), hint: None, span: None };
            let place = self.place(candidate, Some(&fault));
            self.cover(candidate);
            self.diagnostics.push(error.with_location(place));
        }
        read.spec.filter(|_| !misused && signed)
    }

    /// Reports how the decorator is misused: from the text where it shows, else in the SDK's words.
    fn check_use(&mut self, candidate: &Candidate<'_>) -> bool {
        let misuses = candidate.declared.map_or(&[][..], |declared| &declared.misuses);
        for (message, hint, range) in misuses {
            let error = Error::new(ErrorCode::InvalidMetadata, message.as_str()).with_hint(hint.as_str());
            self.diagnostics.push(error.with_location(self.parsed.map.locate(*range)));
        }
        if misuses.is_empty() {
            for problem in candidate.problems {
                let place = self.place(candidate, None);
                self.diagnostics.push(Error::new(ErrorCode::InvalidMetadata, problem.as_str()).with_location(place));
            }
        }
        let misused = !misuses.is_empty() || !candidate.problems.is_empty();
        if misused {
            self.cover(candidate);
        }
        misused
    }

    fn check_function(&mut self, candidate: &Candidate<'_>, kind: TriggerKind) -> bool {
        let functions = &self.parsed.functions;
        let facts = functions
            .iter()
            .rfind(|facts| facts.name == candidate.func && matches!(facts.scope, Scope::Top | Scope::Conditional));
        if facts.is_none() && !self.parsed.bound.contains(&candidate.func) {
            let error = self.callables.not_found(&candidate.func);
            let place = self.place(candidate, None);
            self.diagnostics.push(error.with_location(place));
            return false;
        }
        match signature::check(kind, &candidate.func, facts, candidate.signature) {
            None => true,
            Some((error, range)) => {
                let place = range.map_or_else(|| self.place(candidate, None), |range| self.parsed.map.locate(range));
                self.diagnostics.push(error.with_location(place));
                false
            }
        }
    }

    /// Refuses the same trigger declared twice, and more triggers than the platform allows.
    pub(super) fn check_repeats(&mut self, candidates: &[Candidate<'_>]) {
        let mut seen: Vec<(&str, &str, Map<String, Value>, u32)> = Vec::new();
        for candidate in candidates.iter().take(self.most()) {
            let kind = TriggerKind::parse(&candidate.kind).unwrap_or(TriggerKind::Manual);
            let config = trigger::canonical(kind, &candidate.config, &self.parsed.settings);
            let first = seen.iter().find(|(other, func, known, _)| {
                *other == candidate.kind && *func == candidate.func && *known == config
            });
            if let Some((.., line)) = first {
                let message = format!("`{}` has the same {} trigger twice", candidate.func, candidate.kind);
                let error = Error::new(ErrorCode::DuplicateTrigger, message)
                    .with_hint(format!("remove one of them: the first stands at line {line}"))
                    .with_location(self.place(candidate, None));
                self.diagnostics.push(error);
            } else {
                seen.push((&candidate.kind, &candidate.func, config, candidate.line));
            }
        }
        if let Some(extra) = candidates.get(self.rules.max_triggers) {
            let (given, allowed) = (candidates.len(), self.rules.max_triggers);
            let message = format!("the script declares {given} triggers, at most {allowed} are allowed");
            let error = Error::new(ErrorCode::InvalidMetadata, message)
                .with_hint("split it into several scripts, or let one trigger do the work of many")
                .with_location(self.place(extra, None));
            self.diagnostics.push(error);
        }
    }

    /// Returns the integrations of text and import together; refuses those that only the import shows and nobody knows.
    pub(super) fn check_integrations(&mut self, inspection: Option<&Inspection>) -> BTreeSet<String> {
        let directory = &self.rules.integrations;
        let mut integrations: BTreeSet<String> = self.parsed.integrations.iter().cloned().collect();
        for name in inspection.iter().flat_map(|inspection| &inspection.integrations) {
            if directory.find(name).is_some() {
                integrations.insert(name.clone());
            } else if !self.parsed.names_member(name) {
                self.diagnostics.push(directory.unknown(name));
            }
        }
        integrations
    }

    pub(super) fn script_trigger(&self, candidate: &Candidate<'_>) -> ScriptTrigger {
        ScriptTrigger {
            kind: candidate.kind.clone(),
            func: candidate.func.clone(),
            config: candidate.config.clone(),
            location: self.place(candidate, None),
        }
    }

    /// Returns how many triggers are looked at: one too many is enough to refuse them all.
    pub(super) fn most(&self) -> usize {
        self.rules.max_triggers.saturating_add(1)
    }

    fn place(&self, candidate: &Candidate<'_>, fault: Option<&Fault>) -> Location {
        let map = &self.parsed.map;
        let Some(declared) = candidate.declared else { return map.locate_line(candidate.line) };
        let argument = fault.and_then(|fault| fault.key.as_deref()).and_then(|key| declared.argument(key));
        let (Some(fault), Some(argument)) = (fault, argument) else { return map.locate(declared.range) };
        if fault.on_key {
            return map.locate(argument.name_range);
        }
        match (argument.text_range, &fault.span) {
            (Some(text), Some(span)) => map.locate(within(text, span)),
            _ => map.locate(argument.range),
        }
    }

    fn push_at(&mut self, error: Error, declared: &Declared, range: TextRange) {
        self.cover_range(declared);
        self.diagnostics.push(error.with_location(self.parsed.map.locate(range)));
    }

    fn cover(&mut self, candidate: &Candidate<'_>) {
        self.covered.insert(candidate.line);
        if let Some(declared) = candidate.declared {
            self.cover_range(declared);
        }
    }

    fn cover_range(&mut self, declared: &Declared) {
        let map = &self.parsed.map;
        self.covered.extend(map.line_of(declared.range.start())..=map.line_of(declared.range.end()));
    }
}

/// Returns the part of a string's place that a span of its characters covers.
fn within(text: TextRange, span: &std::ops::Range<usize>) -> TextRange {
    let at = |offset: usize| {
        let offset = TextSize::new(u32::try_from(offset).unwrap_or(u32::MAX)).min(text.len());
        text.start() + offset
    };
    let start = at(span.start);
    TextRange::new(start, at(span.end).max(start))
}
