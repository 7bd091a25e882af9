//! The static stage: everything that can be read out of a script without executing any of it.

mod bound;
mod brackets;
mod decorators;
mod depth;
mod foreign;
mod functions;
mod imports;
mod literal;
mod names;
mod pep723;
mod settings;
mod source;
mod syntax;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

pub(super) use self::decorators::{Declared, MOST_ARGUMENTS, config_key};
pub(super) use self::functions::{FunctionFacts, Scope};
pub use self::names::sdk_names;
use super::location::SourceMap;
use super::{DeployRules, MOST_DIAGNOSTICS};
use crate::error::{Error, ErrorCode};
use crate::model::ScriptSettings;

/// What the static stage read.
#[derive(Debug)]
pub struct Parsed {
    pub(super) map: SourceMap,
    pub(super) settings: ScriptSettings,
    pub(super) integrations: Vec<String>,
    pub(super) functions: Vec<FunctionFacts>,
    /// The first triggers of the text: one more than the platform allows.
    pub(super) declared: Vec<Declared>,
    /// How many triggers the text declares.
    pub(super) declared_count: usize,
    /// The members of `wren` and the integrations that the script names, as they are spelled.
    members: HashSet<String>,
    /// Names bound at the top level other than by `def`: imports and assignments.
    pub(super) bound: HashSet<String>,
    pub(super) diagnostics: Vec<Error>,
    pub(super) runnable: bool,
}

impl Parsed {
    /// Returns the source as text: without a byte order mark, and with U+FFFD for bytes that are not UTF-8.
    #[must_use]
    pub fn source(&self) -> &Arc<str> {
        self.map.text()
    }

    /// Returns the settings of the script's PEP 723 block.
    #[must_use]
    pub fn settings(&self) -> &ScriptSettings {
        &self.settings
    }

    /// Returns the integrations of the platform that the script names, sorted and without repeats.
    #[must_use]
    pub fn integrations(&self) -> &[String] {
        &self.integrations
    }

    /// Returns everything that this stage found wrong.
    #[must_use]
    pub fn diagnostics(&self) -> &[Error] {
        &self.diagnostics
    }

    /// Says whether the script is Python, so that importing it can tell more.
    #[must_use]
    pub fn is_runnable(&self) -> bool {
        self.runnable
    }

    /// Says whether the script's text names a member of `wren`: then this stage has judged it.
    pub(super) fn names_member(&self, name: &str) -> bool {
        self.members.contains(name)
    }

    fn unread(map: SourceMap, diagnostics: Vec<Error>) -> Self {
        Self {
            map,
            settings: ScriptSettings::default(),
            integrations: Vec::new(),
            functions: Vec::new(),
            declared: Vec::new(),
            declared_count: 0,
            members: HashSet::new(),
            bound: HashSet::new(),
            diagnostics,
            runnable: false,
        }
    }
}

/// Reads a script without executing any of it.
#[must_use]
pub fn parse(source: &[u8], rules: &DeployRules) -> Parsed {
    let source::Source { map, mut diagnostics } = match source::read(source, rules.max_script_bytes) {
        Ok(source) => source,
        Err(error) => return Parsed::unread(SourceMap::new(""), vec![error]),
    };
    let settings = pep723::read(&map, rules, &mut diagnostics);
    if let Some(line) = depth::too_deep(map.text()) {
        diagnostics.push(
            Error::new(ErrorCode::SyntaxError, format!("the code nests deeper than {} levels", depth::MAX_DEPTH))
                .with_hint("split the expression into several statements")
                .with_location(map.locate_line(u32::try_from(line).unwrap_or(u32::MAX))),
        );
        return Parsed { settings, ..Parsed::unread(map, diagnostics) };
    }
    let tree = parse_unchecked(map.text(), ParseOptions::from(Mode::Module));
    let known: Vec<u32> = diagnostics.iter().filter_map(|error| Some(error.location()?.line)).collect();
    diagnostics.extend(syntax::diagnostics(tree.errors(), tree.tokens(), &map, &known));
    let runnable = !diagnostics.iter().any(|error| error.code() == ErrorCode::SyntaxError);
    let broken: BTreeSet<u32> = syntax::lines(tree.errors(), &map).collect();

    let Some(module) = tree.syntax().as_module() else {
        return Parsed { settings, ..Parsed::unread(map, diagnostics) };
    };
    let imports = imports::Imports::read(&module.body);
    let mut functions = functions::collect(&module.body);
    // The parser makes up what a decorator needs and does not have.
    functions.retain(|function| !function.def.name.is_empty());
    let (mut declared, declared_count) = decorators::read(&functions, &imports, &map, rules.most_triggers());
    // What the parser guessed around an error is not worth a second complaint.
    declared.retain(|trigger| {
        let lines = map.line_of(trigger.head.start())..=map.line_of(trigger.head.end());
        broken.range(lines).next().is_none()
    });
    let mut judged = HashSet::new();
    // The first place of a wrong name is enough: it is mended everywhere at once.
    let unknown = imports
        .uses
        .iter()
        .filter(|found| !broken.contains(&map.line_of(found.range.start())) && judged.insert(found.name.as_str()))
        .filter_map(|found| {
            let is_called = imports.is_called(&found.name);
            names::unknown(&found.name, found.range, is_called, &rules.integrations, &map)
        });
    diagnostics.extend(unknown.take(MOST_DIAGNOSTICS));
    let mut named = HashSet::new();
    let strangers = imports
        .named
        .iter()
        .filter(|found| !broken.contains(&map.line_of(found.range.start())) && named.insert(found.name.as_str()))
        .filter(|found| rules.integrations.find(&found.name).is_none())
        .map(|found| rules.integrations.unknown(&found.name).with_location(map.locate(found.range)));
    diagnostics.extend(strangers.take(MOST_DIAGNOSTICS));
    Parsed {
        integrations: imports.integrations(&rules.integrations),
        members: imports.uses.iter().chain(&imports.named).map(|found| found.name.clone()).collect(),
        functions: functions.iter().map(|function| FunctionFacts::of(function, &imports)).collect(),
        bound: bound::read(&module.body),
        settings,
        declared,
        declared_count,
        diagnostics,
        runnable,
        map,
    }
}
