//! Reads a config into rules.

use serde_json::{Map, Value};
use wren_core::Error;

use super::Node;
use super::fault::{Faults, Place, shown};
use super::field::Field;
use super::pattern::Pattern;

/// How deep `all`, `any` and `not` may be nested.
const DEEPEST: usize = 8;

/// How many patterns a trigger may have, and how many dicts of rules. Each mail may have to be compared with all of them.
const MOST: usize = 200;

pub(super) fn read(config: &Map<String, Value>) -> Result<Node, Vec<Error>> {
    let mut reader = Reader::default();
    let rules = reader.rules(config, None, 0);
    if reader.faults.0.is_empty() { Ok(rules) } else { Err(reader.faults.0) }
}

#[derive(Default)]
struct Reader {
    faults: Faults,
    patterns: usize,
    dicts: usize,
    is_full: bool,
}

impl Reader {
    /// Reads rules that all have to hold.
    fn rules(&mut self, rules: &Map<String, Value>, within: Option<&Place>, depth: usize) -> Node {
        let mut nodes = Vec::new();
        for (written, value) in rules.iter().filter(|(_, value)| !value.is_null()) {
            // Python has keywords for names.
            let key = written.strip_suffix('_').unwrap_or(written);
            let place = within.map_or_else(|| Place::new(written), |within| within.key(key));
            nodes.extend(self.rule(key, value, &place, depth));
        }
        Node::All(nodes)
    }

    fn rule(&mut self, key: &str, value: &Value, place: &Place, depth: usize) -> Option<Node> {
        if let Some(field) = Field::parse(key) {
            return self.patterns(field, value, place);
        }
        match (key, value) {
            ("has_attachment", Value::Bool(wanted)) => Some(Node::HasAttachment(*wanted)),
            ("has_attachment", other) => {
                let message = format!("must be True or False, not {}", shown(other));
                self.faults.add(place, &message, "leave it out where it does not matter");
                None
            }
            ("all", _) => self.several(value, place, depth).map(Node::All),
            ("any", _) => self.several(value, place, depth).map(Node::Any),
            ("not", Value::Object(rules)) => {
                let rules = self.nested(rules, place, depth)?;
                Some(Node::Not(Box::new(rules)))
            }
            ("not", _) => self.several(value, place, depth).map(|nodes| Node::Not(Box::new(Node::Any(nodes)))),
            _ => {
                self.faults.unknown(place, key);
                None
            }
        }
    }

    /// Reads a list of dicts.
    fn several(&mut self, value: &Value, place: &Place, depth: usize) -> Option<Vec<Node>> {
        let list = value.as_array().filter(|list| !list.is_empty());
        let example = "write it as [{\"subject\": \"invoice\"}, {\"from\": \"*@acme.com\"}]";
        let Some(list) = list else {
            let what = if value.is_array() { "an empty one".to_owned() } else { shown(value) };
            self.faults.add(place, &format!("must be a list of rules, not {what}"), example);
            return None;
        };
        let mut nodes = Vec::new();
        for (at, item) in list.iter().enumerate() {
            match item {
                Value::Object(rules) => nodes.extend(self.nested(rules, &place.at(at), depth)),
                other => {
                    self.faults.add(&place.at(at), &format!("must be a dict of rules, not {}", shown(other)), example)
                }
            }
            if self.is_full {
                break;
            }
        }
        Some(nodes)
    }

    fn nested(&mut self, rules: &Map<String, Value>, place: &Place, depth: usize) -> Option<Node> {
        if depth >= DEEPEST {
            let hint = "rules within rules say the same in fewer levels as a rule";
            self.faults.add(place, &format!("is nested more than {DEEPEST} levels deep"), hint);
            return None;
        }
        self.dicts += 1;
        if !self.has_room(self.dicts, "dicts of rules", place) {
            return None;
        }
        if rules.values().all(Value::is_null) {
            self.faults.add(place, "has no rule in it", "leave it out, or say what it is about");
            return None;
        }
        Some(self.rules(rules, Some(place), depth + 1))
    }

    fn patterns(&mut self, field: Field, value: &Value, place: &Place) -> Option<Node> {
        let mut patterns = Vec::new();
        match value {
            Value::Array(list) if list.is_empty() => {
                self.faults.add(
                    place,
                    "is a list of no patterns, which matches nothing",
                    "leave it out to match every mail",
                );
            }
            Value::Array(list) => {
                for (at, item) in list.iter().enumerate() {
                    patterns.extend(self.pattern(field, item, &place.at(at)));
                    if self.is_full {
                        break;
                    }
                }
            }
            one => patterns.extend(self.pattern(field, one, place)),
        }
        Some(Node::Matches(field, patterns))
    }

    fn pattern(&mut self, field: Field, value: &Value, place: &Place) -> Option<Pattern> {
        let Value::String(text) = value else {
            let message = format!("must be a string, or a list of strings, not {}", shown(value));
            self.faults.add(
                place,
                &message,
                "write a pattern such as \"*@acme.com\", \"invoice\" or \"re:inv(oice)?\"",
            );
            return None;
        };
        self.patterns += 1;
        if !self.has_room(self.patterns, "patterns", place) {
            return None;
        }
        Pattern::parse(field, text).map_err(|misfit| self.faults.misfit(place, &misfit)).ok()
    }

    /// Says once that there are too many of something.
    fn has_room(&mut self, count: usize, of_what: &str, place: &Place) -> bool {
        if count > MOST && !self.is_full {
            self.is_full = true;
            let message = format!("is over the {MOST} {of_what} that a trigger may have");
            self.faults.add(place, &message, "share them out among several triggers, or use `*`");
        }
        count <= MOST
    }
}
