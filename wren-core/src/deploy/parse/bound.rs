//! The names that a script's top level binds other than by `def`.

use std::collections::HashSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, Comprehension, Expr, ExprContext, Stmt};

use super::functions::is_main_guard;

/// Returns the names that imports, assignments, loops and `with` bind at the top level, also inside its blocks.
pub(super) fn read(body: &[Stmt]) -> HashSet<String> {
    let mut binder = Binder(HashSet::new());
    binder.visit_body(body);
    binder.0
}

struct Binder(HashSet<String>);

impl Binder {
    fn import(&mut self, alias: &Alias) {
        let bound = alias.asname.as_ref().map_or_else(
            || alias.name.split('.').next().unwrap_or_default().to_owned(),
            std::string::ToString::to_string,
        );
        self.0.insert(bound);
    }
}

impl<'a> Visitor<'a> for Binder {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // What they bind inside is theirs alone.
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(alias)),
            Stmt::ImportFrom(import) => import.names.iter().for_each(|alias| self.import(alias)),
            Stmt::If(branch) if is_main_guard(&branch.test) => {
                for clause in &branch.elif_else_clauses {
                    self.visit_body(&clause.body);
                }
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx == ExprContext::Store => {
                self.0.insert(name.id.to_string());
            }
            Expr::Lambda(_) => {}
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        // Its target lives inside it; a walrus in it binds outside.
        self.visit_expr(&comprehension.iter);
        comprehension.ifs.iter().for_each(|condition| self.visit_expr(condition));
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_module;

    #[test]
    fn every_way_to_bind_a_name_is_seen_and_no_inner_name() {
        let script = "\
import a.b, c.d as e
from m import f, g as h
i, (j, *k) = x
l: int = 1
if (n := 1) and [o := z for p in q]:
    r = 1
try:
    s = 1
except E:
    t = 1
for u, v in w:
    with y as aa:
        bb = 1
def inner(): cc = 1
if __name__ == '__main__':
    dd = 1
";
        let mut names: Vec<String> = super::read(parse_module(script).unwrap().suite()).into_iter().collect();
        names.sort();
        assert_eq!(names, ["a", "aa", "bb", "e", "f", "h", "i", "j", "k", "l", "n", "o", "r", "s", "t", "u", "v"]);
    }
}
