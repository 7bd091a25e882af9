//! Literals of Python as JSON.

use ruff_python_ast::{Expr, ExprStringLiteral, Number, StringFlags, UnaryOp};
use ruff_text_size::{Ranged, TextRange};
use serde_json::{Map, Value};

use super::super::location::SourceMap;

/// Returns the value of an expression that is written out in full; `None` when it takes computing.
pub(super) fn value(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::StringLiteral(text) => Some(Value::from(text.value.to_str())),
        Expr::BooleanLiteral(literal) => Some(Value::Bool(literal.value)),
        Expr::NoneLiteral(_) => Some(Value::Null),
        Expr::NumberLiteral(literal) => number(&literal.value),
        Expr::UnaryOp(unary) if unary.op == UnaryOp::USub => match &*unary.operand {
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(int) => int.as_i64().map(|int| Value::from(-int)),
                Number::Float(float) => serde_json::Number::from_f64(-float).map(Value::Number),
                Number::Complex { .. } => None,
            },
            _ => None,
        },
        Expr::List(list) => list.elts.iter().map(value).collect::<Option<Vec<_>>>().map(Value::Array),
        Expr::Tuple(tuple) => tuple.elts.iter().map(value).collect::<Option<Vec<_>>>().map(Value::Array),
        Expr::Dict(dict) => {
            let entries = dict.items.iter().map(|item| match item.key.as_ref()? {
                Expr::StringLiteral(key) => Some((key.value.to_str().to_owned(), value(&item.value)?)),
                _ => None,
            });
            entries.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}

fn number(number: &Number) -> Option<Value> {
    match number {
        Number::Int(int) => int.as_i64().map(Value::from),
        Number::Float(float) => serde_json::Number::from_f64(*float).map(Value::Number),
        Number::Complex { .. } => None,
    }
}

/// Returns the place of a string's characters within its quotes, when they stand there one for one: a single literal
/// without escapes.
pub(super) fn plain_text(expr: &Expr, map: &SourceMap) -> Option<TextRange> {
    let Expr::StringLiteral(literal) = expr else { return None };
    let [part] = literal.value.as_slice() else { return None };
    let inner = characters(literal);
    (map.slice(inner) == &*part.value).then_some(inner)
}

/// Returns what stands between a string's quotes; the whole place of one in several pieces, or without an end.
pub(super) fn characters(literal: &ExprStringLiteral) -> TextRange {
    let range = literal.range();
    let [part] = literal.value.as_slice() else { return range };
    let (opener, closer) = (part.flags.opener_len(), part.flags.closer_len());
    if opener + closer > range.len() {
        return range;
    }
    TextRange::new(range.start() + opener, range.end() - closer)
}
