//! `gmail.send`.

use mailparse::{MailHeaderMap as _, ParsedMail, parse_mail};
use serde_json::{Value, json};

use super::{Mailbox, mail};

/// Sends, and returns what Gmail got.
async fn sent(mailbox: &Mailbox, args: Value) -> Vec<u8> {
    let answer = mailbox.call("send", args).await.unwrap();
    let sent = mailbox.gmail.sent().pop().unwrap();
    assert_eq!(answer, json!({"id": sent.id, "thread_id": sent.thread_id}));
    sent.raw
}

fn header(mail: &ParsedMail<'_>, name: &str) -> Option<String> {
    mail.headers.get_first_value(name)
}

fn names(mail: &ParsedMail<'_>) -> Vec<String> {
    mail.headers.iter().map(|header| header.get_key()).collect()
}

#[tokio::test]
async fn an_email_is_sent_to_all_it_is_for() {
    let mailbox = Mailbox::open().await;
    let raw = sent(
        &mailbox,
        json!({
            "to": ["Zoë <zoe@example.com>", "b@example.com"], "cc": ["\"Doe, J\" <j@example.com>"],
            "bcc": ["hidden@example.com"], "subject": "Grüße — 日本語 😀", "body": "Hállo,\n日本\n.\nFrom here", "html": null,
            "reply_to": null,
        }),
    )
    .await;
    let email = parse_mail(&raw).unwrap();
    assert_eq!(header(&email, "To").unwrap(), "Zoë <zoe@example.com>, <b@example.com>");
    assert_eq!(header(&email, "Cc").unwrap(), "\"Doe, J\" <j@example.com>");
    assert_eq!(header(&email, "Bcc").unwrap(), "<hidden@example.com>");
    assert_eq!(header(&email, "Subject").unwrap(), "Grüße — 日本語 😀");
    assert_eq!(email.ctype.mimetype, "text/plain");
    assert_eq!(email.get_body().unwrap().replace("\r\n", "\n").trim_end(), "Hállo,\n日本\n.\nFrom here");
    assert!(raw.is_ascii() && raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
    // Who sends it, and when, is for Gmail to say.
    for name in ["From", "Date", "Message-ID", "In-Reply-To"] {
        assert_eq!(header(&email, name), None, "{name}");
    }
}

#[tokio::test]
async fn html_stands_beside_its_text() {
    let mailbox = Mailbox::open().await;
    let html = "<p>Grüße</p>";
    let raw = sent(&mailbox, json!({"to": "a@x.org", "subject": "s", "body": "Grüße", "html": html})).await;
    let email = parse_mail(&raw).unwrap();
    assert_eq!(email.ctype.mimetype, "multipart/alternative");
    let parts: Vec<(String, String)> = email
        .subparts
        .iter()
        .map(|part| (part.ctype.mimetype.clone(), part.get_body().unwrap().trim_end().to_owned()))
        .collect();
    let expected = [("text/plain", "Grüße"), ("text/html", html)];
    assert_eq!(parts, expected.map(|(kind, text)| (kind.to_owned(), text.to_owned())));

    let raw = sent(&mailbox, json!({"to": "a@x.org", "subject": "s", "body": "", "html": html})).await;
    assert_eq!(parse_mail(&raw).unwrap().ctype.mimetype, "text/html");
    let raw = sent(&mailbox, json!({"to": "a@x.org", "subject": ""})).await;
    assert_eq!(parse_mail(&raw).unwrap().get_body().unwrap().trim_end(), "");
}

#[tokio::test]
async fn an_answer_stands_in_the_conversation() {
    let mailbox = Mailbox::open().await;
    let first = mailbox.gmail.deliver(
        "From: a@x.org\r\nTo: me@example.com\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\nMessage-ID: <2@x.org>\r\n\
         References: <1@x.org>\r\n\r\nhi",
    );
    let args = json!({"to": ["a@x.org"], "subject": "", "body": "yes", "reply_to": first});
    let email = sent(&mailbox, args).await;
    let email = parse_mail(&email).unwrap();
    assert_eq!(header(&email, "Subject").unwrap(), "Re: Café");
    assert_eq!(header(&email, "In-Reply-To").unwrap(), "<2@x.org>");
    assert_eq!(header(&email, "References").unwrap(), "<1@x.org> <2@x.org>");
    let answer = mailbox.gmail.sent().pop().unwrap();
    assert_eq!(answer.thread_id, mailbox.gmail.thread_of(&first));

    // The answer to the answer, with a subject of its own.
    let args = json!({"to": ["a@x.org"], "subject": "RE: café", "body": "more", "reply_to": answer.id});
    let email = sent(&mailbox, args).await;
    let email = parse_mail(&email).unwrap();
    assert_eq!(header(&email, "Subject").unwrap(), "RE: café");
    assert!(header(&email, "References").unwrap().starts_with("<1@x.org> <2@x.org> <"));
    assert_eq!(mailbox.gmail.sent().pop().unwrap().thread_id, answer.thread_id);
}

#[tokio::test]
async fn an_email_without_an_id_is_answered_in_its_conversation_all_the_same() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&mail("a@x.org", "no id", "hi"));
    let email = sent(&mailbox, json!({"to": "a@x.org", "subject": "", "reply_to": id})).await;
    let email = parse_mail(&email).unwrap();
    assert_eq!((header(&email, "Subject").unwrap().as_str(), header(&email, "References")), ("Re: no id", None));
    let request = mailbox.gmail.requests().pop().unwrap();
    assert_eq!(request.json()["threadId"], mailbox.gmail.thread_of(&id));
}

#[tokio::test]
async fn a_strangers_subject_brings_no_header_into_an_answer() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&mail("a@x.org", "=?utf-8?q?x=0D=0ABcc:_spy@evil.com=0D=0A=0D=0Abody?=", "hi"));
    let raw = sent(&mailbox, json!({"to": "a@x.org", "subject": "", "body": "mine", "reply_to": id})).await;
    let email = parse_mail(&raw).unwrap();
    assert_eq!(names(&email)[..3], ["To", "Subject", "MIME-Version"]);
    assert!(header(&email, "Subject").unwrap().starts_with("Re: x"));
    assert_eq!(email.get_body().unwrap().trim_end(), "mine");
}

#[tokio::test]
async fn nothing_in_an_argument_becomes_a_header() {
    let mailbox = Mailbox::open().await;
    let good = || json!({"to": ["a@x.org"], "subject": "s", "body": "b"});
    for bad in ["s\r\nBcc: spy@evil.com", "s\n", "\rs", "s\0", "s\u{85}", "s\t"] {
        let mut args = good();
        args["subject"] = bad.into();
        mailbox.refuses("send", args, "subject").await;
        for list in ["to", "cc", "bcc"] {
            let mut args = good();
            args[list] = json!(["fine@x.org", format!("a@x.org{bad}")]);
            mailbox.refuses("send", args, &format!("{list}[1]")).await;
        }
    }
    // What looks like an encoded word is sent as what it is.
    let raw = sent(&mailbox, json!({"to": "a@x.org", "subject": "=?utf-8?q?x=0D=0ABcc:_spy@evil.com?="})).await;
    assert_eq!(names(&parse_mail(&raw).unwrap())[..3], ["To", "Subject", "MIME-Version"]);
    // In the body it is text.
    let body = "x\r\nBcc: spy@evil.com\r\n\r\n.\r\nmore";
    let raw = sent(&mailbox, json!({"to": "a@x.org", "subject": "s", "body": body})).await;
    assert_eq!(header(&parse_mail(&raw).unwrap(), "Bcc"), None);
}

#[tokio::test]
async fn an_email_for_nobody_or_too_many_is_not_sent() {
    let mailbox = Mailbox::open().await;
    mailbox.refuses("send", json!({"to": [], "subject": "s", "body": "b"}), "to").await;
    mailbox.refuses("send", json!({"to": ["nobody"], "subject": "s"}), "to[0]").await;
    mailbox.refuses("send", json!({"to": 7, "subject": "s"}), "to").await;
    mailbox.refuses("send", json!({"to": vec!["a@x.org"; 501], "subject": "s"}), "to").await;
    mailbox.refuses("send", json!({"to": ["a@x.org"], "subject": "s".repeat(999)}), "subject").await;
    mailbox.refuses("send", json!({"to": ["a@x.org"], "subject": "s", "reply_to": "../x"}), "reply_to").await;
    assert!(mailbox.gmail.sent().is_empty());

    let raw = sent(&mailbox, json!({"to": vec!["a@x.org"; 500], "subject": "s".repeat(998)})).await;
    assert!(raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
}
