//! Which mails fire a trigger.

mod anchor;
mod failing;
mod fault;
mod field;
mod glob;
mod index;
mod pattern;
mod read;
mod shape;

use serde_json::{Map, Value};
use wren_core::Error;

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

    /// Says whether a mail of a mailbox fires the trigger.
    #[must_use]
    pub fn matches(&self, mail: &Mail, mailbox: &str) -> bool {
        self.rules.holds(mail.searched(), mailbox)
    }

    /// Returns the rules that a mail of a mailbox does not pass, as paths into the config: `subject`, `all[1].from`, `not[0]`;
    /// of a list for `any` there is no telling which. At most ten of them; none when the mail fires the trigger.
    #[must_use]
    pub fn failing(&self, mail: &Mail, mailbox: &str) -> Vec<String> {
        failing::failing(&self.rules, mail.searched(), mailbox)
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
