//! The checks of one script: every trigger on its own, then all of them together.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use ruff_text_size::{TextRange, TextSize};
use serde_json::{Map, Value};

use super::callable::{Callables, hidden_place, is_hidden};
use super::candidates::Candidate;
use super::fields::Fault;
use super::metadata_entry::ScriptTrigger;
use super::signature::{self, Handler};
use super::trigger;
use crate::deploy::parse::{Declared, MOST_ARGUMENTS, Parsed, Scope, config_key};
use crate::deploy::{DeployRules, MOST_DIAGNOSTICS};
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
    /// How many findings came after the most that are told.
    pub(super) dropped: usize,
    /// The lines of decorators that something is wrong with: an import that fails there fails because of it.
    pub(super) covered: Vec<RangeInclusive<u32>>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        parsed: &'a Parsed,
        callables: &'a Callables<'a>,
        rules: &'a DeployRules,
        now: DateTime<Utc>,
    ) -> Self {
        Self { parsed, callables, rules, now, diagnostics: Vec::new(), dropped: 0, covered: Vec::new() }
    }

    /// Refuses triggers on functions that a run cannot call by name, and on names that are defined again.
    pub(super) fn check_scopes(&mut self) {
        let parsed = self.parsed;
        for declared in &parsed.declared {
            if let Some(place) = hidden_place(&declared.scope) {
                let error = Error::new(
                    ErrorCode::FunctionNotFound,
                    format!("`{}` has a trigger but is defined {place}, where no run can call it", declared.func),
                );
                self.cover_declared(declared);
                let error = error.with_hint("move the function to the top level of the script");
                self.report(error, |_| parsed.map.locate(declared.range));
                continue;
            }
            let again = parsed.functions.iter().find(|facts| {
                facts.scope == Scope::Top
                    && facts.name == declared.func
                    && facts.name_range.start() > declared.head.end()
            });
            if let Some(again) = again {
                let error = Error::new(ErrorCode::InvalidMetadata, format!("`{}` is defined twice", declared.func))
                    .with_hint("rename one of them: both triggers would call the second");
                self.report(error, |_| parsed.map.locate(again.name_range));
            }
        }
    }

    pub(super) fn check_candidate(&mut self, candidate: &Candidate<'_>) -> Option<TriggerSpec> {
        if candidate.declared.is_some_and(|declared| is_hidden(&declared.scope)) {
            return None;
        }
        let misused = self.check_use(candidate);
        let kind = TriggerKind::parse(&candidate.kind).filter(|kind| *kind != TriggerKind::Manual);
        let Some(kind) = kind else {
            let error = trigger::unserved(&candidate.kind, self.rules);
            self.report(error, |checker| checker.place(candidate, None));
            return None;
        };
        let signed = self.check_function(candidate, kind);
        if candidate.config.len() > MOST_ARGUMENTS {
            if !misused {
                let given = candidate.config.len();
                let message = format!("on_{} gets {given} arguments, at most {MOST_ARGUMENTS} are read", kind.as_str());
                let error = Error::new(ErrorCode::InvalidMetadata, message)
                    .with_hint("leave out those that are none of its own");
                self.report(error, |checker| checker.place(candidate, None));
            }
            return None;
        }
        let settings = &self.parsed.settings;
        let read = trigger::read(kind, &candidate.func, &candidate.config, settings, self.rules, self.now);
        if !read.faults.is_empty() || !read.errors.is_empty() {
            self.cover(candidate);
        }
        for fault in read.faults {
            // A misused decorator lost its arguments; that they are missing is no news.
            if !(misused && fault.key.is_none()) {
                let mut error = Error::new(fault.code, fault.message.as_str());
                if let Some(hint) = fault.hint.as_deref() {
                    error = error.with_hint(hint);
                }
                self.report(error, |checker| checker.place(candidate, Some(&fault)));
            }
        }
        for error in read.errors {
            let key = error.details().get("argument").and_then(Value::as_str).map(str::to_owned);
            let fault =
                Fault { key, on_key: false, code: error.code(), message: String::new(), hint: None, span: None };
            self.report(error, |checker| checker.place(candidate, Some(&fault)));
        }
        read.spec.filter(|_| !misused && signed)
    }

    /// Reports how the decorator is misused: from the text where it shows, else in the SDK's words.
    fn check_use(&mut self, candidate: &Candidate<'_>) -> bool {
        let misuses = candidate.declared.map_or(&[][..], |declared| &declared.misuses);
        for (message, hint, range) in misuses {
            let error = Error::new(ErrorCode::InvalidMetadata, message.as_str()).with_hint(hint.as_str());
            self.report(error, |checker| checker.parsed.map.locate(*range));
        }
        if misuses.is_empty() {
            for problem in &candidate.problems {
                let error = Error::new(ErrorCode::InvalidMetadata, *problem).with_hint(remedy(problem));
                // It begins with the argument at fault, where it is about one.
                let key = problem.split_whitespace().next().map(config_key);
                let fault = Fault::new(key, ErrorCode::InvalidMetadata, *problem, None);
                self.report(error, |checker| checker.place(candidate, Some(&fault)));
            }
        }
        let misused = !misuses.is_empty() || !candidate.problems.is_empty();
        if misused {
            self.cover(candidate);
        }
        misused
    }

    fn check_function(&mut self, candidate: &Candidate<'_>, kind: TriggerKind) -> bool {
        let func = &candidate.func;
        let facts = self
            .parsed
            .functions
            .iter()
            .rfind(|facts| facts.name == *func && matches!(facts.scope, Scope::Top | Scope::Conditional));
        let is_bound = self.parsed.bound.contains(func);
        // Python found the function it registered, however the script made it.
        if facts.is_none() && !is_bound && candidate.signature.is_none() {
            let error = self.callables.not_found(func);
            self.report(error, |checker| checker.place(candidate, None));
            return false;
        }
        let is_replaced = is_bound || facts.is_some_and(|facts| facts.is_wrapped);
        match signature::check(kind, Handler { func, facts, inspected: candidate.signature, is_replaced }) {
            None => true,
            Some((error, range)) => {
                self.report(error, |checker| {
                    range.map_or_else(|| checker.place(candidate, None), |range| checker.parsed.map.locate(range))
                });
                false
            }
        }
    }

    /// Refuses more triggers than the platform allows.
    pub(super) fn check_count(&mut self, candidates: &[Candidate<'_>], inspection: Option<&Inspection>) {
        if let Some(extra) = candidates.get(self.rules.max_triggers) {
            let allowed = self.rules.max_triggers;
            // Not all of them became candidates.
            let registered = inspection.map_or(0, |inspection| inspection.triggers.len());
            let given = candidates.len().max(registered).max(self.parsed.declared_count);
            let message = format!("the script declares {given} triggers, at most {allowed} are allowed");
            let error = Error::new(ErrorCode::InvalidMetadata, message)
                .with_hint("split it into several scripts, or let one trigger do the work of many");
            self.report(error, |checker| checker.place(extra, None));
        }
    }

    /// Refuses the same trigger declared twice.
    pub(super) fn check_repeats(&mut self, candidates: &[Candidate<'_>]) {
        let mut seen: Vec<(&str, &str, Map<String, Value>, u32)> = Vec::new();
        // Those that no run can call are faults already.
        let reachable =
            |candidate: &&Candidate<'_>| candidate.declared.is_none_or(|declared| !is_hidden(&declared.scope));
        for candidate in candidates.iter().take(self.rules.most_triggers()).filter(reachable) {
            let kind = TriggerKind::parse(&candidate.kind).unwrap_or(TriggerKind::Manual);
            let config = trigger::canonical(kind, &candidate.config, &self.parsed.settings);
            let first = seen.iter().find(|(other, func, known, _)| {
                *other == candidate.kind && *func == candidate.func && *known == config
            });
            if let Some((.., line)) = first {
                let message = format!("`{}` has the same {} trigger twice", candidate.func, candidate.kind);
                let error = Error::new(ErrorCode::DuplicateTrigger, message).with_hint(if *line == candidate.line {
                    format!("line {line} declares it again: each time needs another schedule or function")
                } else {
                    format!("remove one of them: the first stands at line {line}")
                });
                self.report(error, |checker| checker.place(candidate, None));
            } else {
                seen.push((&candidate.kind, &candidate.func, config, candidate.line));
            }
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
                if self.diagnostics.len() < MOST_DIAGNOSTICS {
                    self.diagnostics.push(directory.unknown(name));
                } else {
                    self.dropped += 1;
                }
            }
        }
        integrations
    }

    pub(super) fn script_trigger(&self, candidate: &Candidate<'_>) -> ScriptTrigger {
        ScriptTrigger::new(candidate, &self.parsed.settings, self.place(candidate, None))
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

    /// Adds a finding, unless there are as many as anyone reads. Its place is asked for only then: counting the columns
    /// of an endless line takes long.
    fn report(&mut self, error: Error, place: impl FnOnce(&Self) -> Location) {
        if self.diagnostics.len() >= MOST_DIAGNOSTICS {
            self.dropped += 1;
            return;
        }
        let place = place(self);
        self.diagnostics.push(error.with_location(place));
    }

    fn cover(&mut self, candidate: &Candidate<'_>) {
        self.covered.push(candidate.line..=candidate.line);
        if let Some(declared) = candidate.declared {
            self.cover_declared(declared);
        }
    }

    fn cover_declared(&mut self, declared: &Declared) {
        let map = &self.parsed.map;
        self.covered.push(map.line_of(declared.range.start())..=map.line_of(declared.range.end()));
    }
}

/// Returns what to do about something that the SDK complains of.
fn remedy(problem: &str) -> &'static str {
    if problem.contains("must decorate a function") {
        "put the decorator directly above a `def` at the top level of the script"
    } else if problem.contains("positional") {
        "give the others by name, as in `timeout=\"5m\"`"
    } else if problem.contains("is a function") {
        "arguments are text, numbers, lists and dicts: let the function itself decide, and return early"
    } else if problem.contains("needs a schedule") {
        "give it a time, as in `@wren.on_schedule(\"0 9 * * *\")`"
    } else {
        "write the value out: text, numbers, and lists and dicts of them"
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
