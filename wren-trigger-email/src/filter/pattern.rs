//! One pattern, in one of its forms.

use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};

use super::field::Field;
use super::glob::{self, Glob};
use super::shape::shape;
use crate::mail::Text;

/// The longest pattern, in bytes.
pub(super) const LONGEST: usize = 1000;

/// How many characters an expression may have once its repetitions are written out. What is searched times this is the most that a
/// search can take.
const HEAVIEST: usize = 500;

/// How large an expression may become, and its cache, in bytes: the classes of all letters are large.
const LARGEST: usize = 512 * 1024;

/// How deep groups may be nested.
const DEEPEST: u32 = 50;

/// What a text is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    Glob(Glob),
    Expression {
        expression: Expression,
        /// Texts in lower case of which each match contains one; none where there is no saying.
        required: Vec<String>,
        /// The pattern itself in lower case, where it may have been meant as it is written.
        written: Option<String>,
    },
}

/// An expression. All are built alike, so that those of one text are equal.
#[derive(Debug, Clone)]
pub(super) struct Expression(Regex);

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.as_str().hash(hasher);
    }
}

/// Why a pattern is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) hint: String,
}

impl Misfit {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(field: Field, text: &str) -> Result<Self, Misfit> {
        if text.trim().is_empty() {
            return Err(Misfit::new("is empty", "leave it out to match every mail"));
        }
        if text.len() > LONGEST {
            let hint = "write several patterns as a list: one of them has to match";
            return Err(Misfit::new(format!("has {} bytes, at most {LONGEST} are read", text.len()), hint));
        }
        match form(field, text) {
            Form::Glob(glob) => Self::glob(field, glob),
            Form::Expression(expression) => Self::expression(expression, None).map_err(|reason| {
                let hint = remedy(&reason);
                Misfit::new(reason, hint)
            }),
            Form::Either => {
                let hint = format!("write `glob:{text}` to look for it as it is written");
                Self::expression(text, Some(crate::mail::lower(text))).map_err(|reason| Misfit::new(reason, hint))
            }
        }
    }

    fn glob(field: Field, glob: &str) -> Result<Self, Misfit> {
        // Without an `@` nothing would ever match, in silence.
        if field.is_address() && !glob.contains(['@', '*']) {
            let message = format!("`{glob}` is no address, and is compared with whole addresses");
            return Err(Misfit::new(message, address_hint(glob)));
        }
        let everyone = format!("*{glob}");
        let glob = if field.is_address() && glob.starts_with('@') { everyone.as_str() } else { glob };
        if glob.contains('?') {
            let expression = glob::expression(glob, field.is_whole());
            return Self::expression(&expression, None).map_err(|reason| Misfit::new(reason, "use fewer `?`"));
        }
        Ok(Self::Glob(Glob::new(glob, field.is_whole())))
    }

    fn expression(text: &str, written: Option<String>) -> Result<Self, String> {
        let shape = shape(text, DEEPEST);
        if shape.weight > HEAVIEST {
            return Err(format!(
                "is an expression of more than {HEAVIEST} characters once its repetitions are written out"
            ));
        }
        let built = RegexBuilder::new(text)
            .case_insensitive(true)
            .nest_limit(DEEPEST)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build();
        let expression = Expression(built.map_err(|error| reason(&error))?);
        Ok(Self::Expression { expression, required: shape.required, written })
    }

    pub(super) fn matches(&self, text: &Text) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(&text.lower),
            Self::Expression { expression, written, .. } => {
                written.as_ref().is_some_and(|written| text.lower.contains(written.as_str()))
                    || expression.0.is_match(&text.written)
            }
        }
    }
}

/// Returns what to do about an expression that is none.
fn remedy(reason: &str) -> &'static str {
    if reason.contains("look-around") {
        "expressions have no lookaround: say what must not be there by `not_`, as in `not_={\"subject\": \"draft\"}`"
    } else if reason.contains("unclosed") || reason.contains("unopened") {
        "every `(` and `[` needs its end; one that is text is written `\\(`"
    } else {
        SYNTAX
    }
}

const SYNTAX: &str = "expressions have no lookaround and no references to groups, and rather `+` than `{1,900}`: \
                      https://docs.rs/regex/latest/regex/#syntax";

enum Form<'a> {
    Glob(&'a str),
    Expression(&'a str),
    /// An expression, or a text with the characters of one.
    Either,
}

fn form(field: Field, text: &str) -> Form<'_> {
    if let Some(glob) = text.strip_prefix("glob:").filter(|glob| !glob.is_empty()) {
        return Form::Glob(glob);
    }
    // With a space it is how the subjects of answers begin.
    if let Some(expression) = text.strip_prefix("re:").filter(|rest| !rest.is_empty() && !rest.starts_with(' ')) {
        return Form::Expression(expression);
    }
    let has_some = |characters: &str| text.contains(|character| characters.contains(character));
    match field {
        Field::Mailbox => Form::Glob(text),
        Field::From | Field::To if has_some("\\^$|()[]{}") || text.starts_with('.') => Form::Expression(text),
        Field::From | Field::To => Form::Glob(text),
        Field::Subject | Field::Body => {
            let is_expression = has_some("\\^$|()[]{}+") || [".*", ".+", ".?"].iter().any(|part| text.contains(part));
            if is_expression { Form::Either } else { Form::Glob(text) }
        }
    }
}

fn address_hint(glob: &str) -> String {
    if glob.contains('.') && !glob.contains(char::is_whitespace) {
        format!("did you mean `*@{glob}`?")
    } else {
        "write an address such as `ada@acme.com`, or `*@acme.com` for all of a domain".to_owned()
    }
}

/// Returns why an expression is none, in one line.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("is an expression that takes more than {} KiB", limit / 1024),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            format!("is no expression: {}", last.strip_prefix("error: ").unwrap_or(last))
        }
    }
}
