//! The triggers that decorators declare, with the place of every argument.

use ruff_python_ast::{Arguments, Expr};
use ruff_text_size::{Ranged, TextRange};
use serde_json::{Map, Value};

use super::super::location::SourceMap;
use super::functions::{Function, Scope};
use super::imports::Imports;
use super::{literal, names};
use crate::model::TriggerKind;
use crate::schedule::Timezone;

/// No decorator has a fifth of these; a script of a megabyte has room for a hundred thousand, each of them at fault.
pub(in crate::deploy) const MOST_ARGUMENTS: usize = 64;

/// An argument of a decorator.
#[derive(Debug)]
pub(in crate::deploy) struct Argument {
    /// The key it has in the config.
    pub(in crate::deploy) key: String,
    /// Where its name stands; the value's place for a positional one.
    pub(in crate::deploy) name_range: TextRange,
    /// Where its value stands.
    pub(in crate::deploy) range: TextRange,
    /// Where the characters of a plain string stand.
    pub(in crate::deploy) text_range: Option<TextRange>,
    /// The value, when it is written out.
    value: Option<Value>,
}

/// A trigger as a decorator declares it.
#[derive(Debug)]
pub(in crate::deploy) struct Declared {
    pub(in crate::deploy) kind: TriggerKind,
    pub(in crate::deploy) func: String,
    pub(in crate::deploy) scope: Scope,
    /// The decorator's expression.
    pub(in crate::deploy) range: TextRange,
    /// The decorator and the function's head: what must be free of syntax errors to be believed.
    pub(in crate::deploy) head: TextRange,
    pub(in crate::deploy) arguments: Vec<Argument>,
    /// How the decorator is misused, and where.
    pub(in crate::deploy) misuses: Vec<(String, String, TextRange)>,
    /// Some arguments come from `*` or `**`.
    unpacks: bool,
}

impl Declared {
    /// Returns the argument of a key.
    pub(in crate::deploy) fn argument(&self, key: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.key == key)
    }

    /// Returns the config, when all of it is written out.
    pub(in crate::deploy) fn config(&self) -> Option<Map<String, Value>> {
        if self.unpacks {
            return None;
        }
        self.arguments.iter().map(|argument| Some((argument.key.clone(), argument.value.clone()?))).collect()
    }
}

/// Reads the triggers of all functions, at most so many, and says how many there are. Decorators apply from the bottom up, so a function's triggers come in that order
/// out of Python; the order here is the source's.
pub(super) fn read(
    functions: &[Function<'_>],
    imports: &Imports,
    map: &SourceMap,
    most: usize,
) -> (Vec<Declared>, usize) {
    let mut declared = Vec::new();
    let mut count = 0;
    for function in functions {
        for decorator in &function.def.decorator_list {
            let (called, arguments) = match &decorator.expression {
                Expr::Call(call) => (&*call.func, Some(&call.arguments)),
                bare => (bare, None),
            };
            let Some(kind) = imports.member(called).and_then(|(name, _)| names::decorator(name)) else { continue };
            count += 1;
            if declared.len() >= most {
                continue;
            }
            let mut trigger = Declared {
                kind,
                func: function.def.name.to_string(),
                scope: function.scope.clone(),
                range: decorator.expression.range(),
                head: TextRange::new(decorator.start(), function.def.parameters.end().max(decorator.end())),
                arguments: Vec::new(),
                misuses: Vec::new(),
                unpacks: false,
            };
            match arguments {
                Some(arguments) => read_arguments(&mut trigger, arguments, map),
                None if kind == TriggerKind::Schedule => trigger.misuses.push((
                    "on_schedule is used without a schedule".to_owned(),
                    format!("write `@{}(\"0 9 * * *\")`", map.slice(called.range())),
                    called.range(),
                )),
                // An event trigger without parentheses takes every event.
                None => {}
            }
            declared.push(trigger);
        }
    }
    (declared, count)
}

fn read_arguments(trigger: &mut Declared, arguments: &Arguments, map: &SourceMap) {
    let kind = trigger.kind;
    // The arguments that need no name, as the SDK has them.
    let positional: &[&str] = match kind {
        TriggerKind::Schedule => &["cron"],
        TriggerKind::Webhook => &["path"],
        _ => &[],
    };
    let mut extra = None;
    for (index, expr) in arguments.args.iter().enumerate() {
        if expr.is_starred_expr() {
            trigger.unpacks = true;
        } else if let Some(key) = positional.get(index) {
            push(trigger, key, expr.range(), expr, map);
        } else {
            extra.get_or_insert(expr.range());
        }
    }
    if let Some(range) = extra {
        let takes = if positional.is_empty() { "no positional argument" } else { "one positional argument" };
        let hint = named(arguments, range, positional.is_empty());
        let given = arguments.args.len();
        trigger.misuses.push((format!("on_{} takes {takes}, got {given}", kind.as_str()), hint, range));
    }
    let room = MOST_ARGUMENTS - trigger.arguments.len();
    if let Some(first) = arguments.keywords.get(room) {
        let message =
            format!("on_{} gets {} arguments, at most {MOST_ARGUMENTS} are read", kind.as_str(), arguments.len());
        let hint = "leave out those that are none of its own".to_owned();
        trigger.misuses.push((message, hint, first.range()));
    }
    for keyword in arguments.keywords.iter().take(room) {
        match &keyword.arg {
            Some(name) => push(trigger, name.as_str(), name.range(), &keyword.value, map),
            None => trigger.unpacks = true,
        }
    }
}

/// Says by which name an argument is given.
fn named(arguments: &Arguments, range: TextRange, is_event: bool) -> String {
    let expr = arguments.args.iter().find(|expr| expr.range() == range);
    let text = expr.and_then(|expr| expr.as_string_literal_expr()).map(|text| text.value.to_str());
    match text {
        _ if expr.is_some_and(Expr::is_lambda_expr) => {
            "arguments are text: name one, as in `subject=\"invoice\"`, and let the function itself decide the rest"
                .to_owned()
        }
        Some(text) if !is_event && Timezone::parse(text).is_ok() => format!("write `timezone=\"{text}\"`"),
        _ if is_event => "name it, as in `subject=\"invoice\"`".to_owned(),
        _ => "give the others by name, as in `timeout=\"5m\"`".to_owned(),
    }
}

fn push(trigger: &mut Declared, name: &str, name_range: TextRange, expr: &Expr, map: &SourceMap) {
    let key = config_key(name);
    if trigger.argument(key).is_some() {
        let message = format!("on_{} gets `{name}` twice", trigger.kind.as_str());
        trigger.misuses.push((message, "give it once".to_owned(), name_range));
        return;
    }
    trigger.arguments.push(Argument {
        key: key.to_owned(),
        name_range,
        range: expr.range(),
        text_range: literal::plain_text(expr, map),
        value: literal::value(expr),
    });
}

/// Returns the key that an argument has in the config: `from_` is `from`, which Python keeps for itself.
pub(in crate::deploy) fn config_key(name: &str) -> &str {
    name.strip_suffix('_').filter(|key| !key.is_empty()).unwrap_or(name)
}
