//! The static stage: everything that can be read out of a script without executing any of it.

mod brackets;
mod decorators;
mod depth;
mod functions;
mod imports;
mod literal;
mod names;
mod pep723;
mod settings;
mod source;
mod syntax;

use std::collections::HashSet;
use std::sync::Arc;

use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

pub(super) use self::decorators::{Declared, config_key};
pub(super) use self::functions::{FunctionFacts, Scope};
use super::DeployRules;
use super::location::SourceMap;
use crate::error::{Error, ErrorCode};
use crate::model::ScriptSettings;

/// What the static stage read.
#[derive(Debug)]
pub struct Parsed {
    pub(super) map: SourceMap,
    pub(super) settings: ScriptSettings,
    pub(super) integrations: Vec<String>,
    pub(super) functions: Vec<FunctionFacts>,
    pub(super) declared: Vec<Declared>,
    /// The members of `wren` that the script names, as they are spelled.
    pub(super) members: Vec<String>,
    /// Names bound at the top level other than by `def`: imports and assignments.
    pub(super) bound: Vec<String>,
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
        self.members.iter().any(|member| member == name)
    }

    fn unread(map: SourceMap, diagnostics: Vec<Error>) -> Self {
        Self {
            map,
            settings: ScriptSettings::default(),
            integrations: Vec::new(),
            functions: Vec::new(),
            declared: Vec::new(),
            members: Vec::new(),
            bound: Vec::new(),
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
    let broken: HashSet<u32> = syntax::lines(tree.errors(), &map).collect();

    let Some(module) = tree.syntax().as_module() else {
        return Parsed { settings, ..Parsed::unread(map, diagnostics) };
    };
    let imports = imports::Imports::read(&module.body);
    let functions = functions::collect(&module.body);
    let mut declared = decorators::read(&functions, &imports, &map);
    // What the parser guessed around an error is not worth a second complaint.
    declared.retain(|trigger| {
        let mut lines = map.line_of(trigger.head.start())..=map.line_of(trigger.head.end());
        !lines.any(|line| broken.contains(&line))
    });
    let mut judged = HashSet::new();
    for found in &imports.uses {
        // The first place of a wrong name is enough: it is mended everywhere at once.
        if !broken.contains(&map.line_of(found.range.start())) && judged.insert(found.name.as_str()) {
            diagnostics.extend(names::unknown(&found.name, found.range, &rules.integrations, &map));
        }
    }
    Parsed {
        integrations: imports.integrations(&rules.integrations),
        members: imports.uses.iter().map(|found| found.name.clone()).collect(),
        functions: functions.iter().map(|function| FunctionFacts::of(function, &imports)).collect(),
        bound: bound_names(&module.body),
        settings,
        declared,
        diagnostics,
        runnable,
        map,
    }
}

/// Returns the names that imports and assignments bind at the top level.
fn bound_names(body: &[Stmt]) -> Vec<String> {
    let mut names = Vec::new();
    for stmt in body {
        match stmt {
            Stmt::Assign(assign) => names.extend(assign.targets.iter().filter_map(name)),
            Stmt::AnnAssign(assign) => names.extend(name(&assign.target)),
            Stmt::ImportFrom(import) => {
                let bound = import.names.iter().map(|alias| alias.asname.as_ref().unwrap_or(&alias.name).to_string());
                names.extend(bound);
            }
            _ => {}
        }
    }
    names
}

fn name(target: &Expr) -> Option<String> {
    target.as_name_expr().map(|name| name.id.to_string())
}
