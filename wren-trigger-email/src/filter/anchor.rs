//! What a mail must have in it for rules to hold: how the index finds the few that may.

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
    /// Says how few mails are likely to have it.
    fn weight(&self) -> usize {
        match self {
            Self::Address(..) => 1000,
            Self::Domain(..) => 500,
            Self::Text(_, text) => text.len(),
        }
    }
}

/// Returns anchors of which a mail must have one for the rules to hold; `None` when there is no saying.
pub(super) fn anchors(node: &Node) -> Option<Vec<Anchor>> {
    let weight = |anchors: &Vec<Anchor>| anchors.iter().map(Anchor::weight).min().unwrap_or(usize::MAX);
    match node {
        Node::All(nodes) => nodes.iter().filter_map(anchors).max_by_key(weight),
        Node::Any(nodes) => united(nodes.iter().map(anchors)),
        Node::Not(_) | Node::HasAttachment(_) | Node::Matches(Field::Mailbox, _) => None,
        Node::Matches(field, patterns) => united(patterns.iter().map(|pattern| of_pattern(*field, pattern))),
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
        Pattern::Expression { required, written, .. } => {
            let mut anchors = vec![text(field, required.as_deref()?)?];
            if let Some(written) = written {
                anchors.push(text(field, written)?);
            }
            Some(anchors)
        }
    }
}

fn text(field: Field, text: &str) -> Option<Anchor> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    (!text.is_empty()).then(|| Anchor::Text(field, text.to_owned()))
}
