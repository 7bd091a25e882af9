//! Many filters at once.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use wren_core::TriggerId;

use super::Filter;
use super::Node;
use super::anchor::{Anchor, Census};
use super::field::Field;
use crate::mail::{Mail, Searched};

/// The rules of many triggers, asked at once.
///
/// Each is looked up by something that a mail must have for it to fire, the rarest that it names, and only those that are found
/// are compared rule by rule: addresses and domains by hash, texts by one pass over the mail whatever their number. Triggers
/// with the same rules are compared once. Rules without such a thing, as those that consist of a `not`, are compared with
/// every mail.
#[derive(Debug, Default)]
pub struct FilterIndex {
    triggers: Vec<TriggerId>,
    groups: Vec<Group>,
    /// Those that every mail is compared with, by their places among the groups.
    always: Vec<usize>,
    addresses: Names,
    domains: Names,
    texts: Vec<Texts>,
}

/// Triggers with the same rules.
#[derive(Debug)]
struct Group {
    filter: Filter,
    /// Their places among the triggers.
    triggers: Vec<usize>,
}

/// The groups that name an address or a domain in a field.
#[derive(Debug, Default)]
struct Names {
    from: HashMap<String, Vec<usize>>,
    to: HashMap<String, Vec<usize>>,
}

impl Names {
    fn of(&self, field: Field) -> &HashMap<String, Vec<usize>> {
        if field == Field::From { &self.from } else { &self.to }
    }

    fn add(&mut self, field: Field, name: String, group: usize) {
        let names = if field == Field::From { &mut self.from } else { &mut self.to };
        names.entry(name).or_default().push(group);
    }
}

/// The texts that are looked for in a field.
#[derive(Debug)]
struct Texts {
    field: Field,
    finder: AhoCorasick,
    /// The groups of each text.
    groups: Vec<Vec<usize>>,
}

impl FilterIndex {
    /// Puts rules together.
    #[must_use]
    pub fn new(filters: impl IntoIterator<Item = (TriggerId, Filter)>) -> Self {
        let mut index = Self::default();
        index.gather(filters);
        let mut census = Census::default();
        for group in &index.groups {
            census.count(&group.filter.rules);
        }
        let mut texts: HashMap<Field, HashMap<String, Vec<usize>>> = HashMap::new();
        for (at, group) in index.groups.iter().enumerate() {
            let Some(anchors) = census.best(&group.filter.rules) else {
                index.always.push(at);
                continue;
            };
            for anchor in anchors {
                match anchor {
                    Anchor::Address(field, address) => index.addresses.add(field, address, at),
                    Anchor::Domain(field, domain) => index.domains.add(field, domain, at),
                    Anchor::Text(field, text) => texts.entry(field).or_default().entry(text).or_default().push(at),
                }
            }
        }
        for (field, texts) in texts {
            let (texts, groups): (Vec<String>, Vec<Vec<usize>>) = texts.into_iter().unzip();
            // Small and quickly built; those that search faster take a hundred times the memory.
            let finder = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&texts);
            match finder {
                Ok(finder) => index.texts.push(Texts { field, finder, groups }),
                // More texts than it can count.
                Err(_) => index.always.extend(groups.into_iter().flatten()),
            }
        }
        index
    }

    /// Puts triggers with the same rules together, as when many have deployed one script.
    #[allow(clippy::mutable_key_type, reason = "what changes in an expression is its cache, which no hash sees")]
    fn gather(&mut self, filters: impl IntoIterator<Item = (TriggerId, Filter)>) {
        let mut known: HashMap<Node, usize> = HashMap::new();
        let mut all: Vec<Vec<usize>> = Vec::new();
        for (place, (id, filter)) in filters.into_iter().enumerate() {
            self.triggers.push(id);
            let group = *known.entry(filter.rules).or_insert(all.len());
            match all.get_mut(group) {
                Some(triggers) => triggers.push(place),
                None => all.push(vec![place]),
            }
        }
        let mut groups: Vec<(usize, Node)> = known.into_iter().map(|(rules, group)| (group, rules)).collect();
        groups.sort_unstable_by_key(|(group, _)| *group);
        let with_triggers = groups.into_iter().zip(all);
        self.groups =
            with_triggers.map(|((_, rules), triggers)| Group { filter: Filter { rules }, triggers }).collect();
    }

    /// Returns how many filters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.triggers.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.triggers.is_empty()
    }

    /// Returns the triggers that a mail of a mailbox fires, in the order in which they were given.
    #[must_use]
    pub fn matching(&self, mail: &Mail, mailbox: &str) -> Vec<TriggerId> {
        let candidates = self.candidates(mail.searched());
        let candidates = candidates.into_iter().filter_map(|at| self.groups.get(at));
        let matching = candidates.filter(|group| group.filter.matches(mail, mailbox));
        let mut places: Vec<usize> = matching.flat_map(|group| group.triggers.iter().copied()).collect();
        places.sort_unstable();
        places.into_iter().filter_map(|place| self.triggers.get(place).copied()).collect()
    }

    /// Returns the places of the groups that may match, each once.
    fn candidates(&self, mail: &Searched) -> Vec<usize> {
        let mut found = self.always.clone();
        for field in [Field::From, Field::To] {
            for address in field.texts(mail, "") {
                let address = address.lower.as_str();
                found.extend(self.addresses.of(field).get(address).into_iter().flatten());
                if let Some((_, domain)) = address.rsplit_once('@') {
                    found.extend(self.domains.of(field).get(domain).into_iter().flatten());
                }
            }
        }
        for texts in &self.texts {
            texts.find(mail, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Texts {
    fn find(&self, mail: &Searched, found: &mut Vec<usize>) {
        let mut seen = Seen::new(self.groups.len());
        for text in self.field.texts(mail, "") {
            for hit in self.finder.find_overlapping_iter(&text.lower) {
                let at = hit.pattern().as_usize();
                if seen.is_new(at) {
                    found.extend(&self.groups[at]);
                    if seen.is_full() {
                        return;
                    }
                }
            }
        }
    }
}

/// Which of many have been seen: a bit for each, since it is made anew for each mail.
struct Seen {
    bits: Vec<u64>,
    unseen: usize,
}

impl Seen {
    fn new(count: usize) -> Self {
        Self { bits: vec![0; count.div_ceil(64)], unseen: count }
    }

    fn is_new(&mut self, at: usize) -> bool {
        let (word, bit) = (&mut self.bits[at / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        self.unseen -= usize::from(is_new);
        is_new
    }

    fn is_full(&self) -> bool {
        self.unseen == 0
    }
}
