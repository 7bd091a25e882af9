//! `gmail.send`: a new email, or the answer to one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use wren_core::Result;
use wren_core::mail::decode;

use super::super::call::{invalid, optional_text, text};
use super::compose::Mail;
use super::header::Fields;
use super::mailbox::{Mailbox, MessageId};
use super::recipients;

/// How many people Gmail sends one email to.
const MOST_RECIPIENTS: usize = 500;
/// The longest subject, in bytes: a line of a message (RFC 5322, section 2.1.1).
const LONGEST_SUBJECT: usize = 998;
/// How many emails of a conversation an answer refers to, the first and the last ones.
const MOST_REFERENCES: usize = 50;
/// The longest id of an email, by the same line.
const LONGEST_ID: usize = 900;

pub(super) async fn send(mailbox: &Mailbox<'_>, args: &Map<String, Value>) -> Result<Value> {
    let mut mail = Mail {
        to: recipients::read(args, "to")?,
        cc: recipients::read(args, "cc")?,
        bcc: recipients::read(args, "bcc")?,
        subject: subject(text(args, "subject")?)?,
        text: optional_text(args, "body")?.unwrap_or_default(),
        html: optional_text(args, "html")?.filter(|html| !html.is_empty()),
        references: Vec::new(),
    };
    match mail.to.len() + mail.cc.len() + mail.bcc.len() {
        0 => {
            let error = invalid("the email is for nobody").with_hint("name somebody in `to`, `cc` or `bcc`");
            return Err(error.with_detail("argument", "to"));
        }
        1..=MOST_RECIPIENTS => {}
        many => {
            let error = invalid(format!("the email is for {many} people, Gmail sends it to {MOST_RECIPIENTS}"));
            return Err(error.with_hint("send several emails").with_detail("argument", "to"));
        }
    }
    let answered = match optional_text(args, "reply_to")? {
        None => None,
        Some(_) => Some(Answered::read(mailbox, &MessageId::read(args, "reply_to")?).await?),
    };
    let thread = answered.map(|answered| {
        if mail.subject.trim().is_empty() {
            mail.subject = answered.subject;
        }
        mail.references = answered.references;
        answered.thread
    });
    let mut body = json!({ "raw": URL_SAFE_NO_PAD.encode(mail.write()) });
    if let Some(thread) = thread {
        body["threadId"] = thread;
    }
    let mut sent = mailbox.post("/messages/send", &body, "the conversation").await?;
    Ok(json!({ "id": sent["id"].take(), "thread_id": sent["threadId"].take() }))
}

fn subject(subject: &str) -> Result<String> {
    let wrong = |message: String, hint: &str| Err(invalid(message).with_hint(hint).with_detail("argument", "subject"));
    if subject.chars().any(char::is_control) {
        return wrong(
            "`subject` has a line break or another control character in it".to_owned(),
            "a subject stands in one line: \" \".join(subject.split())",
        );
    }
    if subject.len() > LONGEST_SUBJECT {
        let message = format!("`subject` has {} bytes, it may have {LONGEST_SUBJECT}", subject.len());
        return wrong(message, "put the rest into the `body`");
    }
    Ok(subject.to_owned())
}

/// The email that another one answers.
struct Answered {
    thread: Value,
    /// The subject for an answer.
    subject: String,
    references: Vec<String>,
}

impl Answered {
    async fn read(mailbox: &Mailbox<'_>, id: &MessageId) -> Result<Self> {
        let mut query = vec![("format", "metadata")];
        query.extend(["Message-ID", "References", "In-Reply-To", "Subject"].map(|name| ("metadataHeaders", name)));
        let mut message = mailbox.get(&format!("/messages/{id}"), &query, &format!("message `{id}`")).await?;
        let fields = Fields::of(&message["payload"]);
        let (subject, references) = (answer_to(fields.raw("Subject").unwrap_or_default()), references(fields));
        Ok(Self { thread: message["threadId"].take(), subject, references })
    }
}

/// Returns the subject of an answer. It is a stranger's text, of which only what may stand in a subject is taken.
fn answer_to(subject: &str) -> String {
    let subject: String = decode(subject).chars().filter(|character| !character.is_control()).collect();
    let is_answer = subject.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("re:"));
    let mut subject = if is_answer { subject } else { format!("Re: {subject}") };
    subject.truncate(subject.floor_char_boundary(LONGEST_SUBJECT));
    subject
}

/// Returns the ids that an answer refers to: RFC 5322, section 3.6.4.
fn references(fields: Fields<'_>) -> Vec<String> {
    let Some(own) = fields.raw("Message-ID").and_then(|value| ids(value).pop()) else { return Vec::new() };
    let mut before = fields.raw("References").map(ids).unwrap_or_default();
    if before.is_empty() {
        before = fields.raw("In-Reply-To").map(ids).filter(|ids| ids.len() == 1).unwrap_or_default();
    }
    before.retain(|id| *id != own);
    if before.len() >= MOST_REFERENCES {
        // The first keeps the conversation together.
        before.drain(1..before.len() + 2 - MOST_REFERENCES);
    }
    before.push(own);
    before
}

/// Finds ids in a field, without their brackets. Anything that could end the field, or is not ASCII, is no id.
fn ids(value: &str) -> Vec<String> {
    let id = |part: &str| -> Option<String> {
        let (id, _) = part.split_once('>')?;
        let is_sound = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        is_sound.then(|| id.to_owned())
    };
    value.split('<').skip(1).filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Vec<String> {
        let fields: Vec<Value> = fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        references(Fields::of(&json!({ "headers": fields })))
    }

    #[test]
    fn an_answer_refers_to_what_came_before() {
        assert_eq!(of(&[("Message-Id", "<b@x>"), ("References", "<a@x>\r\n <a2@x>")]), ["a@x", "a2@x", "b@x"]);
        assert_eq!(of(&[("Message-ID", "<b@x>"), ("In-Reply-To", "<a@x>")]), ["a@x", "b@x"]);
        assert_eq!(of(&[("Message-ID", "<b@x>"), ("In-Reply-To", "<a@x> <c@x>")]), ["b@x"]);
        assert_eq!(of(&[("Message-ID", "<b@x>"), ("References", "<b@x> <a@x\r\nBcc: y@z> junk <>")]), ["b@x"]);
        assert_eq!(of(&[("Message-ID", "no id")]), [""; 0]);
        let many: String = (0..200).map(|at| format!("<{at}@x> ")).collect();
        let found = of(&[("Message-ID", "<own@x>"), ("References", &many)]);
        assert_eq!((found.len(), found[0].as_str(), found[1].as_str()), (MOST_REFERENCES, "0@x", "152@x"));
        assert_eq!((found[48].as_str(), found[49].as_str()), ("199@x", "own@x"));
    }

    #[test]
    fn an_answer_has_the_subject_of_what_it_answers() {
        for (subject, expected) in [
            ("Invoice", "Re: Invoice"),
            ("RE: Invoice", "RE: Invoice"),
            ("", "Re: "),
            ("=?utf-8?q?caf=C3=A9=0D=0ABcc:_x@y.z?=", "Re: café  Bcc: x@y.z"),
            ("Ré", "Re: Ré"),
        ] {
            assert_eq!(answer_to(subject), expected);
        }
        assert!(answer_to(&"é".repeat(4000)).len() <= LONGEST_SUBJECT);
    }
}
