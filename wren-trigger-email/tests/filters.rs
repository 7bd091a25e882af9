//! The rules of `@wren.on_email`: which mails they let through, and what is said of those that make no sense.

use serde_json::{Value, json};
use wren_core::{Error, ErrorCode};
use wren_trigger_email::{Filter, Mail, MailLimits};

fn filter(config: Value) -> Filter {
    Filter::parse(config.as_object().expect("a dict")).unwrap_or_else(|errors| panic!("{config}: {errors:?}"))
}

fn faults(config: Value) -> Vec<Error> {
    Filter::parse(config.as_object().expect("a dict")).expect_err(&config.to_string())
}

fn mail(text: &str) -> Mail {
    Mail::parse(text.replace('\n', "\r\n").as_bytes(), &MailLimits::default())
}

fn invoice() -> Mail {
    mail(
        "From: \"Ada *@evil.com\" <Billing+May@ACME.com>\nTo: me@example.org\nCc: Ops <ops@example.org>\n\
         Subject: [EXT] =?utf-8?q?Invoice_4711_f=C3=BCr?= C++ (paid?)\n\nThank you for\nyour order.\n",
    )
}

#[test]
fn rules_let_through_what_they_say() {
    let mail = invoice();
    for (config, expected) in [
        (json!({}), true),
        (json!({"subject": null}), true),
        // Text is found anywhere, in any case.
        (json!({"subject": "invoice"}), true),
        (json!({"subject": "INVOICE 4711 FÜR"}), true),
        (json!({"subject": "bill"}), false),
        (json!({"subject": "invoice*paid"}), true),
        (json!({"subject": "paid*invoice"}), false),
        (json!({"subject": "invoice 47??"}), true),
        (json!({"subject": "invoice?4711?c"}), false),
        (json!({"body": "for*order"}), true),
        (json!({"body": "invoice"}), false),
        // Expressions, and what only looks like one.
        (json!({"subject": r"invoice \d{4}\b"}), true),
        (json!({"subject": r"invoice \d{5}"}), false),
        (json!({"subject": "invoice.*paid"}), true),
        (json!({"subject": "^invoice"}), false),
        (json!({"subject": "[EXT] invoice"}), true),
        (json!({"subject": "C++"}), true),
        (json!({"subject": "(paid?)"}), true),
        (json!({"subject": "re:INVOICE"}), true),
        (json!({"subject": "re:(?-i)INVOICE"}), false),
        (json!({"subject": "re:(?-i)Invoice"}), true),
        (json!({"subject": "glob:[EXT]*C++"}), true),
        (json!({"subject": "glob:[EX] *"}), false),
        // Addresses are compared as a whole, and never with names.
        (json!({"from": "*@acme.com"}), true),
        (json!({"from_": "@acme.com"}), true),
        (json!({"from": "billing+may@acme.com"}), true),
        (json!({"from": "billing@acme.com"}), false),
        (json!({"from": "billing+*@acme.com"}), true),
        (json!({"from": "billing?may@acme.com"}), true),
        (json!({"from": "*@acme"}), false),
        (json!({"from": "*@evil.com"}), false),
        (json!({"from": r"@acme\.(com|org)$"}), true),
        (json!({"from": ".*@acme.com"}), true),
        (json!({"from": "re:(?-i)@ACME"}), true),
        (json!({"from": ["*@x.org", "*@acme.com"]}), true),
        (json!({"to": "ops@example.org"}), true),
        (json!({"to": "*@acme.com"}), false),
        // The rest.
        (json!({"has_attachment": false}), true),
        (json!({"has_attachment": true}), false),
        (json!({"mailbox": "inbox"}), true),
        (json!({"mailbox": "IN*"}), true),
        (json!({"mailbox": "box"}), false),
        (json!({"mailbox": ["Archive", "re:^in"]}), true),
        // Together.
        (json!({"subject": "invoice", "from": "*@acme.com"}), true),
        (json!({"subject": "invoice", "from": "*@x.org"}), false),
        (json!({"any": [{"subject": "bill"}, {"from": "*@acme.com"}]}), true),
        (json!({"any": [{"subject": "bill"}, {"from": "*@x.org"}]}), false),
        (json!({"all": [{"subject": "paid"}, {"subject": "invoice"}]}), true),
        (json!({"not": {"subject": "draft"}}), true),
        (json!({"not_": {"subject": "invoice"}}), false),
        (json!({"not": {"subject": "invoice", "from": "*@x.org"}}), true),
        (json!({"not": [{"subject": "draft"}, {"from": "*@acme.com"}]}), false),
        (json!({"any_": [{"not": {"any": [{"from_": "*@acme.com"}]}}, {"body": "thank you"}]}), true),
    ] {
        assert_eq!(filter(config.clone()).matches(&mail, "INBOX"), expected, "{config}");
    }
}

#[test]
fn the_beginnings_of_answers_are_text() {
    let answer = mail("Subject: RE: Invoice\n\n");
    for pattern in ["Re: invoice", "re: invoice", "re:", "re:^re:"] {
        assert!(filter(json!({"subject": pattern})).matches(&answer, ""), "{pattern}");
    }
    assert!(!filter(json!({"subject": "re: invoice"})).matches(&mail("Subject: my invoice\n\n"), ""));
}

#[test]
fn a_long_s_is_an_s_to_globs_and_expressions_alike() {
    let long = mail("Subject: =?utf-8?q?=C5=BFtop_the_pre=C5=BF=C5=BF?=\n\n");
    for pattern in ["stop*press", "STOP", "re:press$", "glob:?top"] {
        assert!(filter(json!({"subject": pattern})).matches(&long, ""), "{pattern}");
    }
    assert!(!filter(json!({"subject": "re:(?-i)stop"})).matches(&long, ""));
}

#[test]
fn names_of_mailboxes_are_no_expressions() {
    let all = filter(json!({"mailbox": "[Gmail]/All Mail"}));
    assert!(all.matches(&invoice(), "[Gmail]/All Mail"));
    assert!(!all.matches(&invoice(), "l/All Mail"));
}

#[test]
fn html_is_searched_as_words_where_there_is_no_text() {
    let html = mail("Content-Type: text/html\n\n<p title=hidden>Order <b>47</b>11</p><style>invoice</style>");
    for (body, expected) in [("order 4711", true), ("hidden", false), ("invoice", false), ("<p", false)] {
        assert_eq!(filter(json!({"body": body})).matches(&html, ""), expected, "{body}");
    }
}

#[test]
fn a_body_is_searched_at_its_beginning() {
    let long = mail(&format!("Subject: x\n\nhere{}there", " ".repeat(64 * 1024)));
    assert!(filter(json!({"body": "here"})).matches(&long, ""));
    assert!(!filter(json!({"body": "there"})).matches(&long, ""));
}

#[test]
fn each_fault_has_its_place_and_a_hint() {
    let nested = json!({"any": [{"subject": "x"}, {"sbject": "x"}, 7]});
    for (config, argument, path, message, hint) in [
        (json!({"subjet": "x"}), "subjet", None, "subjet is no rule of on_email", "did you mean `subject`?"),
        (json!({"sender": "x"}), "sender", None, "sender is no rule", "did you mean `from`?"),
        (json!({"zzz": "x"}), "zzz", None, "zzz is no rule", "the rules are `subject`, `from`"),
        (json!({"subject": 7}), "subject", None, "must be a string, or a list of strings, not `7`", "write a pattern"),
        (json!({"subject": ["x", {}]}), "subject", Some("subject[1]"), "not a dict", "write a pattern"),
        (json!({"subject": " "}), "subject", None, "is empty", "leave it out"),
        (json!({"subject": []}), "subject", None, "matches nothing", "leave it out"),
        (json!({"subject": "x".repeat(1001)}), "subject", None, "has 1001 bytes, at most 1000", "as a list"),
        (
            json!({"subject": "invoice (draft"}),
            "subject",
            None,
            "is no expression: unclosed group",
            "`glob:invoice (draft`",
        ),
        (json!({"subject": "re:(?=x)"}), "subject", None, "look-around", "no lookaround"),
        (json!({"subject": r"re:(\w{100}){100}"}), "subject", None, "more than 500 characters", "rather `+`"),
        (json!({"subject": r"re:(\w\W\D){100}"}), "subject", None, "more than 512 KiB", "docs.rs/regex"),
        (json!({"body": format!("re:{}x{}", "(".repeat(100), ")".repeat(100))}), "body", None, "nest", "docs.rs/regex"),
        (json!({"from_": "acme.com"}), "from_", None, "is no address", "did you mean `*@acme.com`?"),
        (json!({"from": "Ada Lovelace"}), "from", None, "is no address", "`*@acme.com` for all of a domain"),
        (json!({"has_attachment": "yes"}), "has_attachment", None, "must be True or False, not `yes`", "leave it out"),
        (json!({"any": {"subject": "x"}}), "any", None, "must be a list of rules, not a dict", "[{\"subject\""),
        (json!({"any": []}), "any", None, "not an empty one", "[{\"subject\""),
        (json!({"any": [{}]}), "any", Some("any[0]"), "has no rule", "leave it out"),
        (nested, "any", Some("any[1].sbject"), "is no rule", "did you mean `subject`?"),
        (json!({"not": "x"}), "not", None, "must be a list of rules, not `x`", "[{\"subject\""),
    ] {
        let faults = faults(config.clone());
        let fault = &faults[0];
        assert_eq!(fault.code(), ErrorCode::InvalidFilter, "{config}");
        assert_eq!(fault.details()["argument"], argument, "{config}");
        assert_eq!(fault.details().get("path").and_then(Value::as_str), path, "{config}");
        assert!(fault.message().contains(message), "{config}: {}", fault.message());
        assert!(fault.hint().unwrap().contains(hint), "{config}: {:?}", fault.hint());
    }
}

#[test]
fn all_faults_are_said_at_once() {
    let faults = faults(json!({"subject": "(", "from_": "x", "foldr": "y", "any": [{"to": 1}, {"body": ""}]}));
    let mut places: Vec<&str> = faults.iter().filter_map(|fault| fault.message().split(' ').next()).collect();
    places.sort_unstable();
    assert_eq!(places, ["any[0].to", "any[1].body", "foldr", "from_", "subject"]);
}

#[test]
fn hostile_rules_are_refused_in_bounds() {
    let mut deep = json!({"subject": "x"});
    for _ in 0..100 {
        deep = json!({"not": deep});
    }
    assert!(faults(deep)[0].message().contains("nested more than 8 levels"));
    let many: Vec<Value> = (0..100_000).map(|at| at.to_string().into()).collect();
    assert_eq!(faults(json!({"subject": many})).len(), 1);
    let dicts: Vec<Value> = (0..100_000).map(|at| json!({"subject": at.to_string()})).collect();
    assert_eq!(faults(json!({"any": dicts})).len(), 1);
    let unknown: serde_json::Map<String, Value> = (0..100_000).map(|at| (format!("k{at}"), json!(1))).collect();
    assert_eq!(faults(Value::Object(unknown)).len(), 50);
    let long = json!({"x".repeat(100_000): {"y".repeat(100_000): 1}});
    assert_eq!(faults(json!({"any": [long]})).len(), 1);
}
