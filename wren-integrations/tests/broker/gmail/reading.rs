//! `gmail.inbox` and `gmail.get`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wren_conformance::services::Reply;

use super::{Mailbox, mail};
use crate::support::CANARY;

const INVOICE: &str = "Authentication-Results: mx.google.com;\r\n\
    \x20      dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=acme.com\r\n\
    Received: from acme.com\r\n\
    From: =?utf-8?q?Ren=C3=A9e?= <r@acme.com>\r\n\
    To: me@example.com, \"Lovelace, Ada\" <ada@example.com>\r\n\
    Cc: c@example.com\r\n\
    Subject: =?utf-8?B?UmVjaG51bmcg4oSWIDE=?=\r\n\
    Date: Fri, 1 May 2026 10:00:00 +0200\r\n\
    Message-ID: <1@acme.com>\r\n\
    Received: from a forger\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=mixed\r\n\
    \r\n\
    --mixed\r\n\
    Content-Type: multipart/alternative; boundary=both\r\n\
    \r\n\
    --both\r\n\
    Content-Type: text/plain; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\
    \r\n\
    Gr=FC=DFe,\r\nR.\r\n\
    --both\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    PHA+R3LDvMOfZTwvcD4=\r\n\
    --both--\r\n\
    --mixed\r\n\
    Content-Type: application/pdf; name=\"invoice.pdf\"\r\n\
    Content-Disposition: attachment; filename=\"invoice.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    JVBERi0x/w==\r\n\
    --mixed--\r\n";

/// An email with attachments of so many bytes.
fn with_attachments(sizes: &[usize]) -> String {
    let mut raw =
        "From: a@x.org\r\nTo: me@example.com\r\nSubject: files\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n\
                   --m\r\nContent-Type: text/plain\r\n\r\nhere\r\n"
            .to_owned();
    for (at, size) in sizes.iter().enumerate() {
        let encoded = STANDARD.encode(vec![b'x'; *size]);
        raw.push_str(&format!(
            "--m\r\nContent-Type: application/x-{at}\r\nContent-Disposition: attachment; filename=\"{at}.bin\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
        ));
    }
    raw + "--m--\r\n"
}

#[tokio::test]
async fn an_email_is_all_that_the_sdk_reads() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(INVOICE);
    let email = mailbox.call("get", json!({"id": id})).await.unwrap();
    let mut expected = json!({
        "id": id,
        "message_id": "<1@acme.com>",
        "from": "Renée <r@acme.com>",
        "to": ["me@example.com", "\"Lovelace, Ada\" <ada@example.com>"],
        "cc": ["c@example.com"],
        "subject": "Rechnung № 1",
        "date": "2026-05-01T10:00:00+02:00",
        "text": "Grüße,\nR.",
        "html": "<p>Grüße</p>",
        "attachments": [
            {"filename": "invoice.pdf", "content_type": "application/pdf", "size": 7, "content": "JVBERi0x/w=="},
        ],
        "verified_sender": true,
        "truncated": false,
    });
    let mut shown = email.clone();
    let headers = shown.as_object_mut().unwrap().remove("headers").unwrap();
    // The parser ends a text of quoted-printable with the line break before the boundary.
    shown["text"] = shown["text"].as_str().unwrap().trim_end().into();
    assert_eq!(shown, expected);
    // Of two with one name it is the upper one, which the sender cannot write.
    assert_eq!((&headers["Received"], &headers["Subject"]), (&json!("from acme.com"), &json!("Rechnung № 1")));

    // The inbox has the same, but for the bytes.
    expected["attachments"][0].as_object_mut().unwrap().remove("content");
    let found = mailbox.call("inbox", json!({"limit": 1})).await.unwrap();
    assert_eq!(found[0]["attachments"], expected["attachments"]);
    assert_eq!((&found[0]["text"], &found[0]["headers"]), (&email["text"], &headers));
    let asked = mailbox.gmail.requests();
    let fetched: Vec<&str> = asked.iter().map(|request| request.path.rsplit('/').nth(1).unwrap()).collect();
    assert_eq!(fetched, ["messages", "attachments", "me", "messages"]);
    assert!(asked.iter().all(|request| request.bears(CANARY)));
}

#[tokio::test]
async fn the_newest_emails_come_first_and_no_more_than_asked_for() {
    let mailbox = Mailbox::open().await;
    assert_eq!(mailbox.call("inbox", json!({"limit": 20})).await.unwrap(), json!([]));
    for at in 0..25 {
        mailbox.gmail.deliver(&mail("a@x.org", &format!("mail {at}"), "text"));
    }
    let expected: Vec<String> = (0..25).rev().map(|at| format!("mail {at}")).collect();
    assert_eq!(mailbox.subjects(json!({"limit": 500, "unread": null, "query": null})).await, expected);
    assert_eq!(mailbox.subjects(json!({"limit": 1})).await, expected[..1]);

    // Page by page.
    mailbox.gmail.limit_pages(7);
    let before = mailbox.gmail.requests().len();
    assert_eq!(mailbox.subjects(json!({"limit": 20})).await, expected[..20]);
    let asked = mailbox.gmail.requests();
    let pages: Vec<_> = asked[before..]
        .iter()
        .filter(|request| request.path.ends_with("/messages"))
        .map(|request| (request.asked("maxResults").unwrap(), request.asked("pageToken")))
        .collect();
    assert_eq!(pages, [("20", None), ("13", Some("7")), ("6", Some("14"))]);
}

#[tokio::test]
async fn an_inbox_is_searched() {
    let mailbox = Mailbox::open().await;
    let read = mailbox.gmail.deliver(&mail("a@acme.com", "read", "text"));
    mailbox.call("label", json!({"id": read, "remove": ["UNREAD"]})).await.unwrap();
    let archived = mailbox.gmail.deliver(&mail("a@acme.com", "archived", "text"));
    mailbox.call("label", json!({"id": archived, "remove": ["INBOX"]})).await.unwrap();
    mailbox.gmail.deliver(&mail("b@other.org", "other", "text"));
    mailbox.gmail.deliver(&mail("b@acme.com", "new", "text"));

    assert_eq!(mailbox.subjects(json!({"limit": 9})).await, ["new", "other", "read"]);
    assert_eq!(mailbox.subjects(json!({"limit": 9, "unread": true})).await, ["new", "other"]);
    assert_eq!(mailbox.subjects(json!({"limit": 9, "unread": false})).await, ["read"]);
    assert_eq!(mailbox.subjects(json!({"limit": 9, "query": "from:acme.com"})).await, ["new", "read"]);
    assert_eq!(mailbox.subjects(json!({"limit": 9, "query": "from:acme.com", "unread": true})).await, ["new"]);
    let asked = mailbox.gmail.requests();
    let queries: Vec<&str> = asked.iter().filter_map(|request| request.asked("q")).collect();
    assert_eq!(queries, ["is:unread", "-is:unread", "from:acme.com", "is:unread (from:acme.com)"]);
}

#[tokio::test]
async fn an_email_that_goes_while_the_inbox_is_read_is_not_in_it() {
    let mailbox = Mailbox::open().await;
    mailbox.gmail.deliver(&mail("a@x.org", "stays", "text"));
    let gone = mailbox.gmail.deliver(&mail("a@x.org", "goes", "text"));
    let path = format!("/gmail/v1/users/me/messages/{gone}");
    mailbox.gmail.answer_next_of(&path, Reply::new(404, r#"{"error": {"code": 404, "status": "NOT_FOUND"}}"#));
    assert_eq!(mailbox.subjects(json!({"limit": 9})).await, ["stays"]);
}

#[tokio::test]
async fn one_hostile_email_keeps_nobody_from_the_rest() {
    let mailbox = Mailbox::open().await;
    mailbox.gmail.deliver(&mail("a@x.org", "before", "text"));
    let deep = mailbox.gmail.deliver(&mail("m@x.org", "deep", "I'm <b> & co"));
    let endless = mailbox.gmail.deliver(&mail("m@x.org", "endless", &"\u{1}".repeat(3_000_000)));
    let huge = mailbox.gmail.deliver(&mail("m@x.org", "huge", "short"));
    mailbox.gmail.deliver(&mail("a@x.org", "after", "text"));
    // Deeper than any parser of JSON goes, and larger than any answer may be.
    let nested = format!("{}{}", "{\"parts\":[".repeat(500), "]}".repeat(500));
    let path = |id: &str| format!("/gmail/v1/users/me/messages/{id}");
    mailbox.gmail.answer_next_of(&path(&deep), Reply::new(200, format!("{{\"payload\":{nested}}}")));
    mailbox.gmail.answer_next_of(&path(&huge), Reply::new(200, vec![b' '; 11 * 1024 * 1024]));

    let found = mailbox.call("inbox", json!({"limit": 9})).await.unwrap();
    assert!(found.to_string().len() < 8 * 1024 * 1024 - 64 * 1024);
    let about = |email: &Value| (email["subject"].as_str().unwrap().to_owned(), email["truncated"].as_bool().unwrap());
    let about: Vec<_> = found.as_array().unwrap().iter().map(about).collect();
    let expected = [("after", false), ("huge", true), ("endless", true), ("deep", true), ("before", false)];
    assert_eq!(about, expected.map(|(subject, truncated)| (subject.to_owned(), truncated)));
    assert_eq!((&found[1]["text"], &found[3]["text"]), (&json!("short"), &json!("I'm <b> & co")));
    assert!(found[2]["text"].as_str().unwrap().len() > 100_000);
    let alone = mailbox.call("get", json!({"id": endless})).await.unwrap();
    assert!(alone["text"].as_str().unwrap().len() > found[2]["text"].as_str().unwrap().len());
}

#[tokio::test]
async fn a_full_inbox_fits_into_a_frame() {
    let mailbox = Mailbox::open().await;
    let headers: String = (0..60).map(|at| format!("X-{at}: {}\r\n", "\u{e9}".repeat(20))).collect();
    for _ in 0..500 {
        let recipients = "\"é\" <somebody@example.com>, ".repeat(80);
        mailbox.gmail.deliver(&format!(
            "From: {}\r\nTo: {recipients}\r\nSubject: {}\r\n{headers}\r\n{}",
            "a".repeat(5000),
            "s".repeat(5000),
            "text ".repeat(3_000)
        ));
    }
    let found = mailbox.call("inbox", json!({"limit": 500})).await.unwrap();
    assert_eq!(found.as_array().unwrap().len(), 500);
    assert!(found.to_string().len() < 8 * 1024 * 1024 - 64 * 1024, "{}", found.to_string().len());
    for part in ["from", "subject", "text", "headers", "to"] {
        assert!(found[0][part].to_string().len() > 500, "{part}: {}", found[0][part]);
    }
}

#[tokio::test]
async fn attachments_beyond_a_frame_come_without_their_bytes() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&with_attachments(&[3_000_000, 2_000_000, 1_000_000, 0]));
    let email = mailbox.call("get", json!({"id": id})).await.unwrap();
    let attachments = email["attachments"].as_array().unwrap();
    let sizes: Vec<u64> = attachments.iter().map(|one| one["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [3_000_000, 2_000_000, 1_000_000, 0]);
    let has_bytes: Vec<bool> = attachments.iter().map(|one| one["content"].is_string()).collect();
    assert_eq!(has_bytes, [true, false, true, true]);
    assert_eq!(attachments[3]["content"], "");
    assert!(email.to_string().len() < 8 * 1024 * 1024 - 64 * 1024);
    assert_eq!(email["truncated"], false);
}

#[tokio::test]
async fn a_wrong_question_is_not_asked() {
    let mailbox = Mailbox::open().await;
    for limit in [json!(0), json!(501), json!(-1), json!(2.5), json!("2"), json!(null)] {
        mailbox.refuses("inbox", json!({"limit": limit}), "limit").await;
    }
    mailbox.refuses("inbox", json!({"limit": 1, "unread": "yes"}), "unread").await;
    for id in ["", "../labels", "a/b", "a?x=y", "a b", "<1@acme.com>", "é", &"a".repeat(65)] {
        mailbox.refuses("get", json!({"id": id}), "id").await;
        mailbox.refuses("label", json!({"id": id, "add": ["x"]}), "id").await;
    }
}
