//! Which rules a mail does not pass.

use super::Node;
use super::field::Field;
use crate::mail::Searched;

/// How many rules are named. Whoever mends one looks again.
const MOST: usize = 10;

/// Returns the paths of the rules that do not hold, as they stand in the config: `subject`, `all[1].from`, `not[0]`.
pub(super) fn failing(rules: &Node, mail: &Searched, mailbox: &str) -> Vec<String> {
    let mut looking = Looking { mail, mailbox, found: Vec::new() };
    looking.dict(rules, "");
    looking.found
}

struct Looking<'a> {
    mail: &'a Searched,
    mailbox: &'a str,
    found: Vec<String>,
}

impl Looking<'_> {
    /// Looks at a dict of rules. It calls itself, by `rule`, only as deep as rules may be nested.
    fn dict(&mut self, rules: &Node, prefix: &str) {
        let one = std::slice::from_ref(rules);
        let rules = if let Node::All(rules) = rules { rules.as_slice() } else { one };
        for rule in rules {
            if self.found.len() >= MOST {
                return;
            }
            if !rule.holds(self.mail, self.mailbox) {
                self.rule(rule, prefix);
            }
        }
    }

    /// Names a rule that does not hold, or what within it does not.
    fn rule(&mut self, rule: &Node, prefix: &str) {
        match rule {
            Node::Matches(field, _) => self.found.push(format!("{prefix}{}", field.name())),
            Node::HasAttachment(_) => self.found.push(format!("{prefix}has_attachment")),
            Node::All(dicts) => {
                for (at, dict) in dicts.iter().enumerate() {
                    self.dict(dict, &format!("{prefix}all[{at}]."));
                }
            }
            // Any one of them would have done: none is more to blame than the others.
            Node::Any(_) => self.found.push(format!("{prefix}any")),
            Node::Not(rules) => match &**rules {
                Node::Any(dicts) => {
                    let holding = dicts.iter().position(|dict| dict.holds(self.mail, self.mailbox));
                    self.found.push(holding.map_or_else(|| format!("{prefix}not"), |at| format!("{prefix}not[{at}]")));
                }
                _ => self.found.push(format!("{prefix}not")),
            },
        }
    }
}

impl Field {
    /// Returns the key of the config that it is read from.
    fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Body => "body",
            Self::From => "from",
            Self::To => "to",
            Self::Mailbox => "mailbox",
        }
    }
}
