//! What scripts may use, in the words of the package's own docstrings.

use crate::FILES;

/// The modules that scripts see, in the order in which they are told.
const MODULES: [(&str, &str); 10] = [
    ("wren/decorators.py", "wren"),
    ("wren/_ai.py", "wren"),
    ("wren/http.py", "wren.http"),
    ("wren/_state.py", "wren"),
    ("wren/_context.py", "wren"),
    ("wren/_email.py", "wren"),
    ("wren/_integration.py", "wren"),
    ("wren/_secret.py", "wren"),
    ("wren/gmail.py", "wren.gmail"),
    ("wren/slack.py", "wren.slack"),
];

/// A function or class that scripts may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The module that scripts find it in: `wren`, or `wren.gmail`.
    pub module: &'static str,
    /// Its first line or lines, as the source has them, without the colon: `def ai(prompt: str, …) -> str`.
    pub signature: String,
    /// What its docstring says, without the indentation.
    pub doc: String,
}

/// Returns what scripts may use: every public function and class with a docstring, as the sources define them.
#[must_use]
pub fn reference() -> Vec<Definition> {
    let source = |path: &str| FILES.iter().find(|(file, _)| *file == path).map_or("", |(_, text)| *text);
    MODULES.iter().flat_map(|(path, module)| definitions(module, source(path))).collect()
}

fn definitions(module: &'static str, source: &str) -> Vec<Definition> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let name = line.strip_prefix("def ").or_else(|| line.strip_prefix("class "));
        // Overloads and what is for type checkers are indented, and have no docstring.
        if name.is_some_and(|name| !name.starts_with('_'))
            && let Some(definition) = definition(module, &lines[at..])
        {
            found.push(definition);
        }
    }
    found
}

/// Reads a definition at the first of some lines, if a docstring follows its signature.
fn definition(module: &'static str, lines: &[&str]) -> Option<Definition> {
    let end = lines.iter().position(|line| line.ends_with(':'))?;
    let signature = lines[..=end].join("\n");
    let first = lines.get(end + 1)?.trim_start().strip_prefix("\"\"\"")?;
    let doc = match first.strip_suffix("\"\"\"") {
        Some(line) => line.to_owned(),
        None => {
            let rest: Vec<&str> = lines[end + 2..].iter().copied().take_while(|line| line.trim() != "\"\"\"").collect();
            let inner = |line: &&str| !line.trim().is_empty();
            let indent = rest.iter().filter(|line| inner(line)).map(|line| line.len() - line.trim_start().len()).min();
            let rest = rest.iter().map(|line| line.get(indent.unwrap_or(0)..).unwrap_or_default());
            std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n")
        }
    };
    Some(Definition { module, signature: signature.trim_end_matches(':').to_owned(), doc: doc.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_use_is_told_with_its_arguments() {
        let all = reference();
        for (module, name) in [
            ("wren", "def on_schedule("),
            ("wren", "def on_email("),
            ("wren", "def ai("),
            ("wren", "def context("),
            ("wren", "class Email"),
            ("wren", "class Attachment"),
            ("wren", "class State"),
            ("wren", "def integration("),
            ("wren.http", "def get("),
            ("wren.gmail", "def inbox("),
            ("wren.gmail", "def send("),
            ("wren.slack", "def post("),
        ] {
            let found = all.iter().find(|found| found.module == module && found.signature.starts_with(name));
            let found = found.unwrap_or_else(|| panic!("{module}: {name} is not told"));
            assert!(!found.doc.is_empty() && !found.doc.contains("\"\"\"") && !found.signature.ends_with(':'));
        }
        let schedule = all.iter().find(|found| found.signature.starts_with("def on_schedule(")).unwrap();
        assert!(schedule.signature.contains("timezone: str | tzinfo | None = None"), "{}", schedule.signature);
        assert!(schedule.doc.contains("\n- ``overlap``: "), "{}", schedule.doc);
    }
}
