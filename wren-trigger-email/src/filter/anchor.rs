//! What a mail must have in it for rules to hold: how the index finds the few that may.

use std::collections::{HashMap, HashSet};

use super::Node;
use super::field::Field;
use super::pattern::Pattern;

/// The longest text that is looked for, in bytes. Of texts that are each other's beginnings, only so many are found in one place.
const LONGEST: usize = 32;

/// Something that is easily found in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Anchor {
    /// Exactly this address.
    Address(Field, String),
    /// An address at this domain.
    Domain(Field, String),
    /// This text, in lower case.
    Text(Field, String),
}

impl Anchor {
    /// Says how few mails are likely to have it, as far as it says so itself.
    fn rarity(&self) -> f64 {
        match self {
            Self::Address(..) => 64.0,
            Self::Domain(..) => 32.0,
            // There is more room for it in a body.
            Self::Text(Field::Body, text) => text.len() as f64 / 4.0,
            Self::Text(_, text) => text.len() as f64,
        }
    }
}

/// How many of the rules in an index name each anchor.
///
/// What many rules are about, many mails are about: of two conditions that both have to hold, the rules are looked up by the
/// one that fewer others name, or every mail from `gmail.com` would be compared with all rules about a mail from there.
#[derive(Debug, Default)]
pub(super) struct Census {
    counts: HashMap<Anchor, usize>,
}

impl Census {
    /// Counts the anchors of one trigger's rules, each once.
    pub(super) fn count(&mut self, rules: &Node) {
        let mut named = HashSet::new();
        name(rules, &mut named);
        for anchor in named {
            *self.counts.entry(anchor).or_insert(0) += 1;
        }
    }

    /// Returns anchors of which a mail must have one for the rules to hold, those that the fewest mails are likely to have;
    /// `None` when there is no saying.
    pub(super) fn best(&self, rules: &Node) -> Option<Vec<Anchor>> {
        match rules {
            Node::All(nodes) => {
                let each = nodes.iter().filter_map(|node| self.best(node));
                each.min_by(|one, other| self.cost(one).total_cmp(&self.cost(other)))
            }
            Node::Any(nodes) => united(nodes.iter().map(|node| self.best(node))),
            Node::Not(_) | Node::HasAttachment(_) | Node::Matches(Field::Mailbox, _) => None,
            Node::Matches(field, patterns) => united(patterns.iter().map(|pattern| of_pattern(*field, pattern))),
        }
    }

    fn cost(&self, anchors: &[Anchor]) -> f64 {
        let named = |anchor: &Anchor| self.counts.get(anchor).copied().unwrap_or(1) as f64;
        anchors.iter().map(|anchor| named(anchor) / anchor.rarity()).sum()
    }
}

/// Adds every anchor that rules could be looked up by. It calls itself only as deep as rules may be nested.
fn name(rules: &Node, named: &mut HashSet<Anchor>) {
    match rules {
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| name(node, named)),
        Node::Not(_) | Node::HasAttachment(_) | Node::Matches(Field::Mailbox, _) => {}
        Node::Matches(field, patterns) => {
            named.extend(patterns.iter().filter_map(|pattern| of_pattern(*field, pattern)).flatten());
        }
    }
}

fn united(all: impl Iterator<Item = Option<Vec<Anchor>>>) -> Option<Vec<Anchor>> {
    let mut united = Vec::new();
    for anchors in all {
        united.extend(anchors?);
    }
    Some(united)
}

fn of_pattern(field: Field, pattern: &Pattern) -> Option<Vec<Anchor>> {
    match pattern {
        Pattern::Glob(glob) if field.is_address() => {
            if let Some(address) = glob.exact() {
                return Some(vec![Anchor::Address(field, address.to_owned())]);
            }
            match glob.suffix().rsplit_once('@') {
                Some((_, domain)) => Some(vec![Anchor::Domain(field, domain.to_owned())]),
                None => text(field, glob.longest()).map(|anchor| vec![anchor]),
            }
        }
        Pattern::Glob(glob) => text(field, glob.longest()).map(|anchor| vec![anchor]),
        Pattern::Expression { required, .. } if required.is_empty() => None,
        Pattern::Expression { required, written, .. } => {
            required.iter().chain(written).map(|one| text(field, one)).collect()
        }
    }
}

fn text(field: Field, text: &str) -> Option<Anchor> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    (!text.is_empty()).then(|| Anchor::Text(field, text.to_owned()))
}
