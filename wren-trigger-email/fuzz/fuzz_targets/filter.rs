//! Any rules are read without a panic, and an index of them finds exactly the triggers that asking each of them does.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use wren_core::TriggerId;
use wren_trigger_email::{Filter, FilterIndex, Mail, MailLimits};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    filters: Vec<Vec<(Key, Rule<'a>)>>,
    mailbox: &'a str,
    mail: &'a [u8],
}

#[derive(Debug, Arbitrary)]
enum Key {
    Subject,
    Body,
    From,
    To,
    Mailbox,
    HasAttachment,
    All,
    Any,
    Not,
}

#[derive(Debug, Arbitrary)]
enum Rule<'a> {
    Is(bool),
    One(&'a str),
    Several(Vec<&'a str>),
    Nested(Vec<Vec<(Key, Rule<'a>)>>),
}

fn config(rules: &[(Key, Rule<'_>)]) -> Map<String, Value> {
    let key = |key: &Key| match key {
        Key::Subject => "subject",
        Key::Body => "body",
        Key::From => "from_",
        Key::To => "to",
        Key::Mailbox => "mailbox",
        Key::HasAttachment => "has_attachment",
        Key::All => "all",
        Key::Any => "any",
        Key::Not => "not",
    };
    let value = |rule: &Rule<'_>| match rule {
        Rule::Is(is) => Value::from(*is),
        Rule::One(pattern) => Value::from(*pattern),
        Rule::Several(patterns) => patterns.iter().map(|one| Value::from(*one)).collect(),
        Rule::Nested(rules) => rules.iter().map(|rules| Value::Object(config(rules))).collect(),
    };
    rules.iter().map(|(name, rule)| (key(name).to_owned(), value(rule))).collect()
}

fuzz_target!(|input: Input<'_>| {
    let mail = Mail::parse(input.mail, &MailLimits::default());
    let mut filters = Vec::new();
    for rules in &input.filters {
        match Filter::parse(&config(rules)) {
            Ok(filter) => filters.push((TriggerId::new(), filter)),
            Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| error.details().contains_key("argument"))),
        }
    }
    let matching = filters.iter().filter(|(_, filter)| filter.matches(&mail, input.mailbox));
    let matching: Vec<TriggerId> = matching.map(|(id, _)| *id).collect();
    assert_eq!(FilterIndex::new(filters).matching(&mail, input.mailbox), matching);
});
