//! What a script imports of `wren`, under which names, and what it uses of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, Decorator, Expr, ExprContext, Parameter, Stmt, StmtImportFrom};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{literal, names};
use crate::integration::IntegrationDirectory;

/// What a name of the script stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The module `wren`.
    Module,
    /// A member of it, such as `on_schedule` or `gmail`.
    Member(String),
}

/// A member of `wren` that the script names, and where.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) name: String,
    pub(super) range: TextRange,
}

/// Everything the script says about `wren`.
#[derive(Debug, Default)]
pub(super) struct Imports {
    names: HashMap<String, Target>,
    /// The members it imports, or reaches by attribute.
    pub(super) uses: Vec<Use>,
    /// The integrations that it names by `wren.integration("…")`; the place is that of the name within its quotes.
    pub(super) named: Vec<Use>,
    /// The members that it calls or decorates with somewhere, which nobody does with an integration.
    called: HashSet<String>,
    /// Names bound to something else somewhere: they no longer tell what they stand for.
    rebound: HashSet<String>,
    attributes: Vec<(String, Use)>,
    calls: Vec<Call>,
}

/// A call, or a decorator without parentheses, before it is known what its name stands for.
#[derive(Debug)]
struct Call {
    /// The name before the dot, if there is one.
    base: Option<String>,
    name: String,
    /// The one argument, where that is a string.
    text: Option<Use>,
}

impl Call {
    fn new(callee: &Expr) -> Option<Self> {
        match callee {
            Expr::Name(name) => Some(Self { base: None, name: name.id.to_string(), text: None }),
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(base) => {
                    Some(Self { base: Some(base.id.to_string()), name: attribute.attr.to_string(), text: None })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl Imports {
    pub(super) fn read(body: &[Stmt]) -> Self {
        let mut imports = Self::default();
        imports.visit_body(body);
        for (base, found) in std::mem::take(&mut imports.attributes) {
            if imports.target(&base) == Some(&Target::Module) {
                imports.uses.push(found);
            }
        }
        imports.uses.sort_by_key(|found| found.range.start());
        for call in std::mem::take(&mut imports.calls) {
            let target = imports.target(call.base.as_ref().unwrap_or(&call.name));
            let member = match (target, call.base) {
                (Some(Target::Module), Some(_)) => call.name,
                (Some(Target::Member(member)), None) => member.clone(),
                _ => continue,
            };
            if member == "integration" {
                imports.named.extend(call.text);
            }
            imports.called.insert(member);
        }
        imports
    }

    /// Says whether the script calls a member of `wren`, or decorates with it.
    pub(super) fn is_called(&self, member: &str) -> bool {
        self.called.contains(member)
    }

    /// Returns what a name stands for, when that is something of `wren` everywhere in the script.
    pub(super) fn target(&self, name: &str) -> Option<&Target> {
        self.names.get(name).filter(|_| !self.rebound.contains(name))
    }

    /// Returns the member of `wren` that an expression is, by any alias.
    pub(super) fn member<'a>(&'a self, expr: &'a Expr) -> Option<(&'a str, TextRange)> {
        match expr {
            Expr::Name(name) => match self.target(&name.id)? {
                Target::Member(member) => Some((member, name.range())),
                Target::Module => None,
            },
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(name) if self.target(&name.id) == Some(&Target::Module) => {
                    Some((attribute.attr.as_str(), attribute.attr.range()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the platform's integrations among the members, sorted and each once.
    pub(super) fn integrations(&self, directory: &IntegrationDirectory) -> Vec<String> {
        let known = self.uses.iter().filter(|found| directory.find(&found.name).is_some());
        known.map(|found| found.name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn bind(&mut self, name: &str, target: Target) {
        match self.names.get(name) {
            Some(known) if *known != target => {
                self.rebound.insert(name.to_owned());
            }
            _ => {
                self.names.insert(name.to_owned(), target);
            }
        }
    }

    fn import(&mut self, alias: &Alias) {
        let mut parts = alias.name.split('.');
        let bound =
            alias.asname.as_ref().map_or_else(|| parts.clone().next().unwrap_or_default(), |name| name.as_str());
        if parts.next() != Some("wren") {
            self.rebound.insert(bound.to_owned());
            return;
        }
        let Some(member) = parts.next() else {
            self.bind(bound, Target::Module);
            return;
        };
        let start = alias.name.range.start() + TextSize::of("wren.");
        self.uses.push(Use { name: member.to_owned(), range: TextRange::at(start, TextSize::of(member)) });
        let target = if alias.asname.is_some() { Target::Member(member.to_owned()) } else { Target::Module };
        self.bind(bound, target);
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref();
        let name = module.map_or("", |module| module.as_str());
        let of_wren = import.level == 0 && name == "wren";
        if import.level == 0
            && let (Some(module), Some(member)) = (module, name.strip_prefix("wren."))
        {
            let member = member.split('.').next().unwrap_or_default();
            let start = module.range.start() + TextSize::of("wren.");
            self.uses.push(Use { name: member.to_owned(), range: TextRange::at(start, TextSize::of(member)) });
        }
        for alias in &import.names {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            if of_wren && alias.name.as_str() == "*" {
                for (decorator, _) in names::DECORATORS {
                    self.bind(decorator, Target::Member(decorator.to_owned()));
                }
            } else if of_wren {
                self.uses.push(Use { name: alias.name.to_string(), range: alias.name.range() });
                self.bind(bound, Target::Member(alias.name.to_string()));
            } else {
                self.rebound.insert(bound.to_owned());
            }
        }
    }
}

impl<'a> Visitor<'a> for Imports {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(alias)),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::FunctionDef(function) => {
                self.rebound.insert(function.name.to_string());
                visitor::walk_stmt(self, stmt);
            }
            Stmt::ClassDef(class) => {
                self.rebound.insert(class.name.to_string());
                visitor::walk_stmt(self, stmt);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                self.rebound.insert(name.id.to_string());
            }
            Expr::Attribute(attribute) => {
                if let Expr::Name(base) = &*attribute.value
                    && attribute.ctx == ExprContext::Load
                {
                    let found = Use { name: attribute.attr.to_string(), range: attribute.attr.range() };
                    self.attributes.push((base.id.to_string(), found));
                }
                visitor::walk_expr(self, expr);
            }
            Expr::Call(call) => {
                if let Some(mut found) = Call::new(&call.func) {
                    if let ([Expr::StringLiteral(text)], []) = (&*call.arguments.args, &*call.arguments.keywords) {
                        let range = literal::characters(text);
                        found.text = Some(Use { name: text.value.to_str().to_owned(), range });
                    }
                    self.calls.push(found);
                }
                visitor::walk_expr(self, expr);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_decorator(&mut self, decorator: &'a Decorator) {
        self.calls.extend(Call::new(&decorator.expression));
        visitor::walk_decorator(self, decorator);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.rebound.insert(parameter.name.to_string());
        visitor::walk_parameter(self, parameter);
    }
}
