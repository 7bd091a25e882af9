//! The functions that a script defines, where they stand and how they may be called.

use std::sync::Arc;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{CmpOp, Decorator, Expr, Stmt, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};

use super::imports::Imports;
use crate::executor::HandlerSignature;

/// Where a function stands. Only those of the top level can be called by a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deploy) enum Scope {
    /// At the top level.
    Top,
    /// At the top level, in an `if`, `try`, `with` or loop that may not be taken.
    Conditional,
    /// Under `if __name__ == "__main__"`, which is never taken on the platform.
    Main,
    /// Inside the function or class of this name, which all that is in there share: a long name around many functions
    /// must not be copied for each.
    Inside(Arc<str>),
}

/// A function of the script.
#[derive(Debug)]
pub(in crate::deploy) struct Function<'a> {
    pub(in crate::deploy) def: &'a StmtFunctionDef,
    pub(in crate::deploy) scope: Scope,
}

/// What the checks need to know of a function, without the tree it came from.
#[derive(Debug, Clone)]
pub(in crate::deploy) struct FunctionFacts {
    pub(in crate::deploy) name: String,
    pub(in crate::deploy) name_range: TextRange,
    pub(in crate::deploy) scope: Scope,
    pub(in crate::deploy) signature: HandlerSignature,
    /// The names of the positional parameters without a default, and where they stand.
    pub(in crate::deploy) required: Vec<(String, TextRange)>,
    pub(in crate::deploy) is_generator: bool,
    /// Decorators that are not of the SDK may change how the function is called.
    pub(in crate::deploy) is_wrapped: bool,
}

impl FunctionFacts {
    pub(super) fn of(function: &Function<'_>, imports: &Imports) -> Self {
        let def = function.def;
        let parameters = &def.parameters;
        let positional = || parameters.posonlyargs.iter().chain(&parameters.args);
        let required: Vec<(String, TextRange)> = positional()
            .filter(|parameter| parameter.default.is_none())
            .map(|parameter| (parameter.name().to_string(), parameter.range()))
            .collect();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let signature = HandlerSignature {
            required: count(required.len()),
            max: parameters.vararg.is_none().then(|| count(positional().count())),
            required_keywords: parameters
                .kwonlyargs
                .iter()
                .filter(|parameter| parameter.default.is_none())
                .map(|parameter| parameter.name().to_string())
                .collect(),
        };
        Self {
            name: def.name.to_string(),
            name_range: def.name.range(),
            scope: function.scope.clone(),
            signature,
            required,
            is_generator: yields(&def.body),
            is_wrapped: def.decorator_list.iter().any(|decorator| !of_sdk(decorator, imports)),
        }
    }
}

fn of_sdk(decorator: &Decorator, imports: &Imports) -> bool {
    let called = match &decorator.expression {
        Expr::Call(call) => &*call.func,
        bare => bare,
    };
    imports.member(called).is_some()
}

/// Collects every function of a script, in the order of the source.
pub(super) fn collect(body: &[Stmt]) -> Vec<Function<'_>> {
    let mut collector = Collector { scope: Scope::Top, functions: Vec::new() };
    collector.visit_body(body);
    collector.functions
}

#[derive(Debug)]
struct Collector<'a> {
    scope: Scope,
    functions: Vec<Function<'a>>,
}

impl<'a> Collector<'a> {
    fn within(&mut self, scope: Scope, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.scope, scope);
        visit(self);
        self.scope = outer;
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.functions.push(Function { def, scope: self.scope.clone() });
                self.within(Scope::Inside(def.name.as_str().into()), |inner| inner.visit_body(&def.body));
            }
            Stmt::ClassDef(class) => {
                self.within(Scope::Inside(class.name.as_str().into()), |inner| inner.visit_body(&class.body));
            }
            Stmt::If(branch) if self.scope == Scope::Top || self.scope == Scope::Conditional => {
                let scope = if is_main_guard(&branch.test) { Scope::Main } else { Scope::Conditional };
                self.within(scope, |inner| inner.visit_body(&branch.body));
                for clause in &branch.elif_else_clauses {
                    self.within(Scope::Conditional, |inner| inner.visit_body(&clause.body));
                }
            }
            _ if self.scope == Scope::Top => {
                self.within(Scope::Conditional, |inner| visitor::walk_stmt(inner, stmt));
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, _: &'a Expr) {
        // No expression defines a function that has a name.
    }
}

/// Recognises `__name__ == "__main__"`, either way round.
pub(super) fn is_main_guard(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else { return false };
    let ([CmpOp::Eq], [right]) = (&*compare.ops, &*compare.comparators) else { return false };
    let is_name = |expr: &Expr| matches!(expr, Expr::Name(name) if name.id.as_str() == "__name__");
    let is_main = |expr: &Expr| matches!(expr, Expr::StringLiteral(text) if text.value.to_str() == "__main__");
    is_name(&compare.left) && is_main(right) || is_main(&compare.left) && is_name(right)
}

fn yields(body: &[Stmt]) -> bool {
    let mut search = YieldSearch(false);
    search.visit_body(body);
    search.0
}

struct YieldSearch(bool);

impl<'a> Visitor<'a> for YieldSearch {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        // A yield of an inner function is its own.
        if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) && !self.0 {
            visitor::walk_stmt(self, stmt);
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Yield(_) | Expr::YieldFrom(_) => self.0 = true,
            Expr::Lambda(_) => {}
            _ if self.0 => {}
            _ => visitor::walk_expr(self, expr),
        }
    }
}
