//! Which mails fire a trigger.

mod anchor;
mod fault;
mod field;
mod glob;
mod index;
mod pattern;
mod read;
mod shape;

use serde_json::{Map, Value};
use wren_core::Error;
use wren_core::model::TriggerSpec;

use crate::mail::{Mail, Searched};
use field::Field;
pub use index::FilterIndex;
use pattern::Pattern;

/// The rules of one trigger: the arguments of `@wren.on_email`.
///
/// | key | looks at | a glob matches |
/// |---|---|---|
/// | `subject` | the subject, decoded | anywhere in it |
/// | `body` | the first 64 KiB of the plain text, or of the HTML's words where there is none | anywhere in it |
/// | `from` | each address in the topmost `From`, never its name | the whole address |
/// | `to` | each address in `To` and `Cc` | the whole address |
/// | `mailbox` | the mailbox's name | the whole name |
/// | `has_attachment` | whether there is an attachment | |
/// | `all`, `any`, `not` | other rules: a list of dicts, for `not` one dict or a list of which none may hold | |
///
/// A mail has to pass all of the rules; without any, every mail does. A list of patterns is any of them. Case does not count.
///
/// # Patterns
///
/// - `glob:…`: `*` stands for any text, `?` for one character.
/// - `re:…`: an expression in the syntax of the [`regex`] crate, looked for anywhere; `(?-i)` makes case count. (`re: …`, with a
///   space, is text: so begin the subjects of answers.)
/// - Without one of these, a pattern of a subject or body with `\ ^ $ | ( ) [ ] { } +` or `.*`, `.+`, `.?` in it is an expression,
///   and is also found as it is written, so that `[EXT] invoice` does not silently look for one of three letters. Any other is a
///   glob.
/// - A pattern of an address with `\ ^ $ | ( ) [ ] { }` in it, or that begins with a dot, is an expression, since neither is in
///   addresses of this world. Any other is a glob: `*@acme.com`, `billing+*@acme.com`; `@acme.com` is `*@acme.com`.
/// - A pattern of a mailbox is a glob unless it begins with `re:`, since brackets are in names of mailboxes.
#[derive(Debug, Clone)]
pub struct Filter {
    rules: Node,
}

/// A rule, or several.
#[derive(Debug, Clone)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    HasAttachment(bool),
    /// Any of the patterns.
    Matches(Field, Vec<Pattern>),
}

impl Filter {
    /// Reads a trigger's config: the arguments above, and no others. `from_` is `from`, and so on; null is nothing.
    ///
    /// # Errors
    /// Every fault, each `INVALID_FILTER` with a hint, the detail `argument` (the config's key) and, for a rule within `all`, `any`
    /// or `not`, the detail `path`.
    pub fn parse(config: &Map<String, Value>) -> Result<Self, Vec<Error>> {
        read::read(config).map(|rules| Self { rules })
    }

    /// Reads the rules of a trigger that was deployed. What its source is told besides, the account, is no rule.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of_trigger(spec: &TriggerSpec) -> Result<Self, Vec<Error>> {
        Self::of_source(spec.source_config())
    }

    /// Reads the rules among the arguments that are the source's.
    pub(crate) fn of_source(mut config: Map<String, Value>) -> Result<Self, Vec<Error>> {
        config.remove("account");
        Self::parse(&config)
    }

    /// Says whether a mail of a mailbox fires the trigger.
    #[must_use]
    pub fn matches(&self, mail: &Mail, mailbox: &str) -> bool {
        self.rules.holds(mail.searched(), mailbox)
    }
}

impl Node {
    /// It calls itself only as deep as rules may be nested.
    fn holds(&self, mail: &Searched, mailbox: &str) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(mail, mailbox)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(mail, mailbox)),
            Self::Not(node) => !node.holds(mail, mailbox),
            Self::HasAttachment(wanted) => mail.has_attachment == *wanted,
            Self::Matches(field, patterns) => {
                field.texts(mail, mailbox).any(|text| patterns.iter().any(|pattern| pattern.matches(&text)))
            }
        }
    }
}
