//! What is wrong with a config.

use serde_json::Value;
use wren_core::suggest::nearest;
use wren_core::{Error, ErrorCode};

use super::pattern::Misfit;

/// How many faults are reported. Nobody reads more.
const MOST: usize = 50;

pub(super) const KEYS: [&str; 9] = ["subject", "from", "to", "body", "has_attachment", "mailbox", "all", "any", "not"];

/// What people write for a key when they know another platform.
const SYNONYMS: [(&str, &str); 16] = [
    ("sender", "from"),
    ("from_address", "from"),
    ("from_email", "from"),
    ("recipient", "to"),
    ("recipients", "to"),
    ("cc", "to"),
    ("title", "subject"),
    ("text", "body"),
    ("html", "body"),
    ("content", "body"),
    ("attachment", "has_attachment"),
    ("attachments", "has_attachment"),
    ("folder", "mailbox"),
    ("label", "mailbox"),
    ("and", "all"),
    ("or", "any"),
];

/// Where a fault is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The config's key.
    pub(super) argument: String,
    /// The key, and what leads to the fault within its value.
    pub(super) path: String,
}

impl Place {
    pub(super) fn new(argument: &str) -> Self {
        Self { argument: argument.to_owned(), path: argument.to_owned() }
    }

    pub(super) fn at(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), ..self.clone() }
    }

    pub(super) fn key(&self, key: &str) -> Self {
        Self { path: format!("{}.{}", self.path, shortened(key)), ..self.clone() }
    }
}

/// Gathers what is wrong.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Error>);

impl Faults {
    pub(super) fn add(&mut self, place: &Place, message: &str, hint: impl Into<String>) {
        if self.0.len() >= MOST {
            return;
        }
        let mut error = Error::new(ErrorCode::InvalidFilter, format!("{} {message}", place.path))
            .with_hint(hint)
            .with_detail("argument", place.argument.as_str());
        if place.path != place.argument {
            error = error.with_detail("path", place.path.as_str());
        }
        self.0.push(error);
    }

    pub(super) fn misfit(&mut self, place: &Place, misfit: &Misfit) {
        self.add(place, &misfit.message, misfit.hint.as_str());
    }

    pub(super) fn unknown(&mut self, place: &Place, key: &str) {
        let synonym = SYNONYMS.iter().find(|(other, _)| *other == key).map(|(_, meant)| *meant);
        let hint = match synonym.or_else(|| nearest(key, KEYS)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the rules are {}", KEYS.map(|key| format!("`{key}`")).join(", ")),
        };
        self.add(place, "is no rule of on_email", hint);
    }
}

/// Returns how a value is called in a message, in the words of Python.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "`None`".to_owned(),
        Value::Bool(true) => "`True`".to_owned(),
        Value::Bool(false) => "`False`".to_owned(),
        Value::Number(number) => format!("`{number}`"),
        Value::String(text) => format!("`{}`", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a dict".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
