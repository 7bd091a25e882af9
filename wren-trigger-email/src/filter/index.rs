//! Many filters at once.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use wren_core::TriggerId;

use super::Filter;
use super::anchor::{Anchor, anchors};
use super::field::Field;
use crate::mail::{Mail, Searched};

/// The rules of many triggers, asked at once.
///
/// Each is looked up by something that a mail must have for it to fire, and only those that are found are compared rule by rule:
/// addresses and domains by hash, texts by one pass over the mail whatever their number. Rules without such a thing, as those that
/// consist of a `not`, are compared with every mail.
#[derive(Debug, Default)]
pub struct FilterIndex {
    filters: Vec<(TriggerId, Filter)>,
    /// Those that every mail is compared with, by their places among the filters.
    always: Vec<usize>,
    addresses: HashMap<(Field, String), Vec<usize>>,
    domains: HashMap<(Field, String), Vec<usize>>,
    texts: Vec<Texts>,
}

/// The texts that are looked for in a field.
#[derive(Debug)]
struct Texts {
    field: Field,
    finder: AhoCorasick,
    /// The filters of each text.
    filters: Vec<Vec<usize>>,
}

impl FilterIndex {
    /// Puts rules together.
    #[must_use]
    pub fn new(filters: impl IntoIterator<Item = (TriggerId, Filter)>) -> Self {
        let mut index = Self { filters: filters.into_iter().collect(), ..Self::default() };
        let mut texts: HashMap<Field, HashMap<String, Vec<usize>>> = HashMap::new();
        for (at, (_, filter)) in index.filters.iter().enumerate() {
            let Some(anchors) = anchors(&filter.rules) else {
                index.always.push(at);
                continue;
            };
            for anchor in anchors {
                let found_by = match anchor {
                    Anchor::Address(field, address) => index.addresses.entry((field, address)).or_default(),
                    Anchor::Domain(field, domain) => index.domains.entry((field, domain)).or_default(),
                    Anchor::Text(field, text) => texts.entry(field).or_default().entry(text).or_default(),
                };
                found_by.push(at);
            }
        }
        for (field, texts) in texts {
            let (texts, filters): (Vec<String>, Vec<Vec<usize>>) = texts.into_iter().unzip();
            // Small and quickly built; those that search faster take a hundred times the memory.
            let finder = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&texts);
            match finder {
                Ok(finder) => index.texts.push(Texts { field, finder, filters }),
                // More texts than it can count.
                Err(_) => index.always.extend(filters.into_iter().flatten()),
            }
        }
        index
    }

    /// Returns how many filters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Returns the triggers that a mail of a mailbox fires, in the order in which they were given.
    #[must_use]
    pub fn matching(&self, mail: &Mail, mailbox: &str) -> Vec<TriggerId> {
        let candidates = self.candidates(mail.searched());
        let candidates = candidates.into_iter().filter_map(|at| self.filters.get(at));
        candidates.filter(|(_, filter)| filter.matches(mail, mailbox)).map(|(id, _)| *id).collect()
    }

    /// Returns the places of the filters that may match.
    fn candidates(&self, mail: &Searched) -> Vec<usize> {
        let mut found = self.always.clone();
        for field in [Field::From, Field::To] {
            for address in field.texts(mail, "") {
                let address = address.lower.as_str();
                found.extend(self.addresses.get(&(field, address.to_owned())).into_iter().flatten());
                if let Some((_, domain)) = address.rsplit_once('@') {
                    found.extend(self.domains.get(&(field, domain.to_owned())).into_iter().flatten());
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
        let mut seen = vec![false; self.filters.len()];
        let mut unseen = seen.len();
        for text in self.field.texts(mail, "") {
            for hit in self.finder.find_overlapping_iter(&text.lower) {
                let at = hit.pattern().as_usize();
                if !std::mem::replace(&mut seen[at], true) {
                    found.extend(&self.filters[at]);
                    unseen -= 1;
                    if unseen == 0 {
                        return;
                    }
                }
            }
        }
    }
}
