//! An index finds exactly the triggers that asking each of them does.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wren_core::TriggerId;
use wren_trigger_email::{Filter, FilterIndex, Mail, MailLimits};

fn filters(configs: &[Value]) -> Vec<(TriggerId, Filter)> {
    let read = |config: &Value| Filter::parse(config.as_object().expect("a dict")).ok();
    configs.iter().filter_map(read).map(|filter| (TriggerId::new(), filter)).collect()
}

fn agree(filters: Vec<(TriggerId, Filter)>, mail: &Mail, mailbox: &str) -> usize {
    let matching = filters.iter().filter(|(_, filter)| filter.matches(mail, mailbox));
    let matching: Vec<TriggerId> = matching.map(|(id, _)| *id).collect();
    for (id, filter) in &filters {
        assert_eq!(filter.failing(mail, mailbox).is_empty(), matching.contains(id), "{filter:?}");
    }
    assert_eq!(FilterIndex::new(filters).matching(mail, mailbox), matching);
    matching.len()
}

/// Few words, so that rules and mails often meet.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("invoice"),
        Just("Invoice"),
        Just("paid"),
        Just("aid"),
        Just("STRASSE"),
        Just("straße"),
        Just("ſtop"),
        Just("stop"),
        Just("\u{212a}elvin"),
        Just("kelvin"),
        Just("İ"),
        Just("i"),
        Just("ΣΑΣ"),
        Just("σας"),
        Just("a"),
        Just("[x]"),
        Just("C++"),
    ]
    .prop_map(str::to_owned)
}

fn address() -> impl Strategy<Value = String> {
    let local = prop_oneof![Just("ada"), Just("Bob"), Just("c+d"), Just("e.f")];
    let domain = prop_oneof![Just("x.org"), Just("ACME.com"), Just("mail.acme.com"), Just("acme.com.evil.com")];
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn text_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        word(),
        (word(), word()).prop_map(|(a, b)| format!("{a}*{b}")),
        (word(), word()).prop_map(|(a, b)| format!("{a}?{b}")),
        (word(), word()).prop_map(|(a, b)| format!("re:(?:{a}|{b})")),
        (word(), word()).prop_map(|(a, b)| format!("{a}.*{b}")),
        (word(), word()).prop_map(|(a, b)| format!("re:(?-i){a}( {b})?")),
        (word(), word()).prop_map(|(a, b)| format!(r"re:\b(?:{a}){{1,3}}[{b}]\s")),
        Just("*".to_owned()),
        Just("re:^$".to_owned()),
        Just("re:.".to_owned()),
    ]
}

fn address_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        address(),
        address().prop_map(|address| format!("*@{}", address.rsplit('@').next().unwrap_or_default())),
        address().prop_map(|address| format!("{}*", &address[..5])),
        address().prop_map(|address| format!("*{}", &address[2..])),
        address().prop_map(|address| format!("re:^{}$", address.replace(['.', '+'], "."))),
        Just("*@*".to_owned()),
        Just("*".to_owned()),
        Just("?*@x.org".to_owned()),
    ]
}

fn patterns(one: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![one.clone().prop_map(Value::from), prop::collection::vec(one, 1..4).prop_map(Value::from)]
}

fn rule() -> impl Strategy<Value = (String, Value)> {
    let text = text_pattern().boxed();
    let address = address_pattern().boxed();
    prop_oneof![
        patterns(text.clone()).prop_map(|value| ("subject".to_owned(), value)),
        patterns(text).prop_map(|value| ("body".to_owned(), value)),
        patterns(address.clone()).prop_map(|value| ("from".to_owned(), value)),
        patterns(address).prop_map(|value| ("to".to_owned(), value)),
        any::<bool>().prop_map(|value| ("has_attachment".to_owned(), value.into())),
        Just(("mailbox".to_owned(), Value::from("in*"))),
    ]
}

fn config() -> impl Strategy<Value = Value> {
    let leaf =
        prop::collection::vec(rule(), 1..3).prop_map(|rules| Value::Object(rules.into_iter().collect::<Map<_, _>>()));
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            list.clone().prop_map(|list| json!({ "all": list })),
            list.clone().prop_map(|list| json!({ "any": list })),
            list.prop_map(|list| json!({ "not": list })),
            (inner, rule()).prop_map(|(inner, (key, value))| {
                let mut config = inner;
                config[key] = value;
                config
            }),
        ]
    })
}

fn mail() -> impl Strategy<Value = Mail> {
    let texts = (prop::collection::vec(word(), 0..5), prop::collection::vec(word(), 0..8));
    let addresses = (prop::collection::vec(address(), 0..3), prop::collection::vec(address(), 0..3));
    (texts, addresses, any::<bool>()).prop_map(|((subject, body), (from, to), is_html)| {
        let kind = if is_html { "text/html" } else { "text/plain" };
        let raw = format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{}\r\n",
            from.join(", "),
            to.join(", "),
            subject.join(" "),
            body.join(" ")
        );
        Mail::parse(raw.as_bytes(), &MailLimits::default())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_index_finds_what_a_scan_does(configs in prop::collection::vec(config(), 0..20), mail in mail()) {
        agree(filters(&configs), &mail, "INBOX");
    }

    #[test]
    fn any_text_is_a_rule_or_a_fault(pattern in ".{0,30}", field in "subject|body|from|to|mailbox", raw in ".{0,200}") {
        let mail = Mail::parse(raw.as_bytes(), &MailLimits::default());
        let config = json!({ field: pattern });
        agree(filters(&[config]), &mail, &raw);
    }

    #[test]
    fn a_rule_without_meaning_lets_through_the_text_that_it_is(word in word()) {
        let raw = format!("Subject: before {word} after\r\n\r\n");
        let mail = Mail::parse(raw.as_bytes(), &MailLimits::default());
        prop_assert_eq!(agree(filters(&[json!({ "subject": word })]), &mail, ""), 1);
    }
}

#[test]
fn ten_thousand_triggers_are_indexed() {
    let config = |at: usize| match at % 5 {
        0 => json!({"from": format!("*@customer{at}.com")}),
        1 => json!({"subject": format!("order {at} ")}),
        2 => json!({"from": format!("person{at}@acme.com"), "subject": "invoice"}),
        3 => json!({"subject": format!(r"re:ticket #{at}\b"), "not": {"body": "unsubscribe"}}),
        _ => json!({"any": [{"to": format!("box{at}@example.org")}, {"body": format!("code {at};")}]}),
    };
    let configs: Vec<Value> = (0..10_000).map(config).collect();
    let raw = "From: person7@acme.com, x@customer10.com\r\nTo: box4@example.org\r\nSubject: Invoice: ticket #13, order 16 of\r\n\r\ncode 19; code 190;";
    let mail = Mail::parse(raw.as_bytes(), &MailLimits::default());
    assert_eq!(agree(filters(&configs), &mail, "INBOX"), 6);
}
