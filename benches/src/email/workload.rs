//! Rules as scripts have them, and mails as mailboxes do.

use serde_json::{Value, json};

/// How many mails there are.
const MAILS: usize = 64;

/// Words that mails consist of; none is one that only one trigger looks for.
const WORDS: [&str; 24] = [
    "please", "find", "attached", "the", "summary", "of", "your", "account", "for", "this", "month", "and", "let",
    "us", "know", "when", "meeting", "starts", "regards", "team", "shipping", "update", "contract", "review",
];

/// Words that rules put before what is their own: of many letters, as people choose them.
const THINGS: [&str; 16] = [
    "reference",
    "policy",
    "shipment",
    "claim",
    "booking",
    "tracking",
    "order",
    "licence",
    "member",
    "invoice",
    "guest",
    "quote",
    "flight",
    "lease",
    "asset",
    "batch",
];

/// Returns the rules of the trigger of that number: of ten in a row, each kind that is common.
///
/// Every trigger looks for something of its own, so that how many fire does not grow with how many there are: what grows with
/// the number of triggers is then the cost of asking them alone.
pub(crate) fn rules(number: usize) -> Value {
    let thing = THINGS[number / 10 % THINGS.len()];
    match number % 10 {
        0 | 1 => json!({"from": format!("billing@customer{number}.com")}),
        2 => {
            json!({"from": [format!("*@customer{number}.com"), format!("*@customer{number}.org")], "subject": "invoice"})
        }
        3 => json!({"from": "*@gmail.com", "subject": format!("project {number} ")}),
        4 => json!({"subject": [format!("{thing} {number} "), format!("{thing} no. {number} ")]}),
        5 => json!({"subject": format!(r"re:\b(?:ticket|case) #{number}\b"), "not": {"body": "unsubscribe"}}),
        6 => {
            json!({"subject": r"re:(?:invoice|receipt|statement) \d{4}-\d{2}", "from": format!("*@vendor{number}.net")})
        }
        7 => json!({
            "any": [{"to": format!("team{number}@example.org")}, {"body": format!("{thing} {number};")}],
            "not": [{"subject": "out of office"}, {"from": "no-reply@*"}],
        }),
        8 => json!({"subject": format!("alert {number} "), "body": "re:severity: (?:high|critical)"}),
        _ => json!({"to": format!("box{number}@example.org"), "has_attachment": false, "mailbox": "INBOX"}),
    }
}

/// Returns mails of a few kilobytes: half are what some of the first ten triggers wait for, half what nobody does.
pub(crate) fn mails() -> Vec<Vec<u8>> {
    (0..MAILS).map(mail).collect()
}

fn mail(number: usize) -> Vec<u8> {
    let (from, subject, body) = match number % 8 {
        0 => ("Billing <billing@customer0.com>", "Your invoice", ""),
        1 => ("Ada <ada@gmail.com>", "Re: project 3 is late", "reference 7;"),
        2 => ("Shop <orders@shop.example>", "Your reference 4 has shipped", ""),
        3 => ("Help <help@desk.example>", "[ticket #5] printer on fire", ""),
        4 => ("Bob <bob@gmail.com>", "Lunch on Friday?", ""),
        5 => ("News <no-reply@news.example>", "Ten things to read", "unsubscribe"),
        6 => ("Carol <carol@customer.example>", "Invoice and contract", ""),
        _ => ("Monitor <monitor@ops.example>", "alert 9999999 cleared", "severity: low"),
    };
    // Prose of 2 to 6 KiB: a fixed sequence, so that every run measures the same.
    let mut text = String::new();
    let mut state = number as u64 + 1;
    while text.len() < 2_048 + number % 5 * 1_024 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 33) as usize % WORDS.len()]);
        text.push(if state >> 40 & 7 == 0 { '\n' } else { ' ' });
    }
    format!("From: {from}\r\nTo: me@example.org\r\nSubject: {subject}\r\n\r\n{text}\r\n{body}\r\n").into_bytes()
}
