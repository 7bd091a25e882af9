//! Names that a script uses at its top level and never defined.

use crate::deploy::parse::{FunctionFacts, Parsed, Scope, sdk_names};
use crate::integration::IntegrationDirectory;
use crate::suggest::nearest;

/// Words of JSON and JavaScript.
const FOREIGN: [(&str, &str); 5] =
    [("true", "True"), ("false", "False"), ("null", "None"), ("undefined", "None"), ("nil", "None")];

/// Modules of the standard library that scripts forget to import.
const MODULES: [&str; 24] = [
    "asyncio",
    "base64",
    "collections",
    "copy",
    "csv",
    "functools",
    "hashlib",
    "html",
    "io",
    "itertools",
    "json",
    "logging",
    "math",
    "operator",
    "os",
    "random",
    "re",
    "statistics",
    "string",
    "sys",
    "textwrap",
    "time",
    "urllib",
    "uuid",
];

/// Names that come from a module of another name, or of the same.
const MEMBERS: [(&str, &str); 18] = [
    ("date", "datetime"),
    ("datetime", "datetime"),
    ("timedelta", "datetime"),
    ("timezone", "datetime"),
    ("ZoneInfo", "zoneinfo"),
    ("defaultdict", "collections"),
    ("Counter", "collections"),
    ("deque", "collections"),
    ("namedtuple", "collections"),
    ("dataclass", "dataclasses"),
    ("Path", "pathlib"),
    ("Decimal", "decimal"),
    ("Enum", "enum"),
    ("partial", "functools"),
    ("Any", "typing"),
    ("Optional", "typing"),
    ("List", "typing"),
    ("Dict", "typing"),
];

/// Returns what to do about a `NameError` at a line.
pub(super) fn hint(message: &str, line: u32, parsed: &Parsed, integrations: &IntegrationDirectory) -> Option<String> {
    let (name, _) = message.strip_prefix("NameError: name '")?.split_once("' is not defined")?;
    if let Some((_, python)) = FOREIGN.iter().find(|(word, _)| *word == name) {
        return Some(format!("in Python it is `{python}`"));
    }
    if name == "wren" {
        return Some("write `import wren` at the top of the script".to_owned());
    }
    if sdk_names().contains(&name) || integrations.find(name).is_some() {
        return Some(format!("write `from wren import {name}` at the top of the script"));
    }
    if MODULES.contains(&name) {
        return Some(format!("write `import {name}` at the top of the script"));
    }
    if let Some((_, module)) = MEMBERS.iter().find(|(member, _)| *member == name) {
        let text = parsed.map.line_text(line).unwrap_or_default();
        // `datetime.datetime.now()` wants the module, `datetime.now()` the class of the same name.
        let is_module = *module == name
            && MEMBERS.iter().any(|(member, home)| home == module && text.contains(&format!("{name}.{member}")));
        let from = if is_module { String::new() } else { format!("from {module} ") };
        return Some(format!("write `{from}import {name}` at the top of the script"));
    }
    let functions = || parsed.functions.iter().filter(|facts| matches!(facts.scope, Scope::Top | Scope::Conditional));
    let place = |facts: &FunctionFacts| parsed.map.line_of(facts.name_range.start());
    if let Some(later) = functions().find(|facts| facts.name == name && place(facts) > line) {
        let at = place(later);
        return Some(format!("`{name}` is defined at line {at}, which is run later: move this line below it"));
    }
    let known = functions().map(|facts| facts.name.as_str()).chain(parsed.bound.iter().map(String::as_str));
    // The order of a set is not the same twice.
    let mut known: Vec<&str> = known.filter(|known| *known != name).collect();
    known.sort_unstable();
    Some(match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("define `{name}` above this line, or import it"),
    })
}
