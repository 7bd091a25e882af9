//! Mails as strangers send them, and what is seen of each.

mod broken;
mod everyday;
mod hostile;

use serde_json::Value;
use wren_trigger_email::{Mail, MailLimits, Omission};

/// A mail, and what is seen of it.
struct Case {
    name: &'static str,
    raw: Vec<u8>,
    /// What the event holds, among other things.
    event: Value,
    omissions: &'static [Omission],
}

/// Makes a case of a mail as people write it: its lines end with LF here and with CRLF on the way.
fn mail(name: &'static str, text: &str, event: Value) -> Case {
    raw(name, text.replace('\n', "\r\n"), event)
}

/// Makes a case of bytes.
fn raw(name: &'static str, raw: impl Into<Vec<u8>>, event: Value) -> Case {
    Case { name, raw: raw.into(), event, omissions: &[] }
}

impl Case {
    /// Expects something to be left out.
    fn without(mut self, omissions: &'static [Omission]) -> Self {
        self.omissions = omissions;
        self
    }
}

fn limits() -> MailLimits {
    MailLimits::default().with_authserv_id("mx.example.org").with_own_hops(1)
}

fn all() -> Vec<Case> {
    let mut all = everyday::cases();
    all.extend(broken::cases());
    all.extend(hostile::cases());
    all
}

/// Says whether a value holds all that is expected: keys that are not named may be anything.
fn holds(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            expected.iter().all(|(key, expected)| holds(value.get(key).unwrap_or(&Value::Null), expected))
        }
        (Value::Array(value), Value::Array(expected)) => {
            value.len() == expected.len() && value.iter().zip(expected).all(|(value, expected)| holds(value, expected))
        }
        _ => value == expected,
    }
}

fn shown(event: &Value) -> String {
    let text = event.to_string();
    text[..text.floor_char_boundary(2000)].to_owned()
}

#[test]
fn each_mail_of_the_corpus_is_seen() {
    let cases = all();
    assert!(cases.len() >= 60, "{} mails", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(misread).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Says what is wrong with how a mail is read.
fn misread(case: &Case) -> Option<String> {
    let mail = Mail::parse(&case.raw, &limits());
    let event = mail.to_event();
    let is_seen = holds(&event, &case.event) && event["truncated"] == !case.omissions.is_empty();
    if is_seen && mail.omissions() == case.omissions {
        return None;
    }
    Some(format!(
        "{}: {:?} {}\nis not {:?} {}",
        case.name,
        mail.omissions(),
        shown(&event),
        case.omissions,
        shown(&case.event)
    ))
}

#[test]
fn no_mail_of_the_corpus_makes_more_than_the_limits_allow() {
    let mut small = limits();
    (small.text_bytes, small.attachment_bytes, small.parts, small.levels) = (4096, 4096, 20, 3);
    for limits in [limits(), small] {
        for case in all() {
            let event = Mail::parse(&case.raw, &limits).to_event().to_string();
            let most = limits.text_bytes + limits.attachment_bytes / 3 * 4 + 4096;
            assert!(event.len() <= most, "{}: {} bytes", case.name, event.len());
        }
    }
}

#[test]
fn a_mail_that_ends_anywhere_is_seen_as_far() {
    for case in everyday::cases() {
        for end in 0..case.raw.len() {
            let event = Mail::parse(&case.raw[..end], &limits()).to_event();
            assert!(event["subject"].is_string() && event["attachments"].is_array(), "{} to {end}", case.name);
        }
    }
}

#[test]
fn a_mail_longer_than_is_read_is_seen_as_far() {
    let mut limits = limits();
    limits.raw_bytes = 30;
    let mail = Mail::parse(b"Subject: hi\r\n\r\nshort enough, but then too long", &limits);
    assert_eq!(
        (mail.to_event()["text"].as_str(), mail.omissions()),
        (Some("short enough, b"), &[Omission::Length][..])
    );
}

#[test]
fn a_mail_is_named_by_its_id_or_by_its_bytes() {
    let id = |raw: &str| Mail::parse(raw.as_bytes(), &limits()).message_id().map(str::to_owned);
    assert_eq!(id("Message-ID: <a@b>\n\n").as_deref(), Some("a@b"));
    assert_eq!(id("message-id: a@b\n\n").as_deref(), Some("a@b"));
    for none in ["", "Message-ID:\n\n", "Message-ID: <>\n\n", "Message-ID: two words\n\n"] {
        assert_eq!(id(none), None, "{none}");
    }
    assert_eq!(id(&format!("Message-ID: <{}>\n\n", "a".repeat(300))), None);
    let hash = |raw: &[u8]| Mail::parse(raw, &limits()).content_hash().to_owned();
    assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_ne!(hash(b"Subject: a\n\n"), hash(b"Subject: a\n\n "));
}

/// `cargo test -p wren-trigger-email --test corpus -- --ignored` before the fuzzer is started.
#[test]
#[ignore = "writes the seeds of the fuzzer"]
fn the_corpus_seeds_the_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/mail");
    std::fs::create_dir_all(&folder).unwrap();
    for case in all().into_iter().filter(|case| case.raw.len() <= 16 * 1024) {
        std::fs::write(folder.join(case.name.replace([' ', '/'], "-")), case.raw).unwrap();
    }
}
