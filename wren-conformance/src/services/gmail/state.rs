//! What is in the mailbox.

use serde_json::Value;

use super::message::{Parsed, parse};
use super::{ADDRESS, SentMail};

/// When the first message came, in milliseconds; each one after it came a minute later.
const BEGIN: i64 = 1_777_593_600_000;

/// Gmail's own labels.
pub(super) const OWN: [&str; 12] = [
    "INBOX",
    "UNREAD",
    "STARRED",
    "IMPORTANT",
    "SPAM",
    "TRASH",
    "SENT",
    "DRAFT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
];

#[derive(Debug)]
pub(super) struct Mail {
    pub(super) id: String,
    pub(super) thread: String,
    /// Their ids.
    pub(super) labels: Vec<String>,
    pub(super) received: i64,
    pub(super) parsed: Parsed,
}

#[derive(Debug)]
pub(super) struct State {
    /// The oldest first.
    pub(super) mails: Vec<Mail>,
    /// The user's labels: id and name.
    pub(super) labels: Vec<(String, String)>,
    pub(super) sent: Vec<SentMail>,
    pub(super) page: usize,
}

impl State {
    pub(super) fn new() -> Self {
        Self { mails: Vec::new(), labels: Vec::new(), sent: Vec::new(), page: 500 }
    }

    pub(super) fn find(&self, id: &str) -> Option<&Mail> {
        self.mails.iter().find(|mail| mail.id == id)
    }

    pub(super) fn deliver(&mut self, raw: &[u8]) -> &str {
        let parsed = parse(raw);
        let thread = parsed.references().find_map(|id| self.thread_with(&id));
        self.keep(parsed, thread, &["INBOX", "UNREAD"])
    }

    /// Takes a message that the user sends, into a conversation if it belongs there: its subject is the conversation's, and it
    /// refers to a message in it.
    pub(super) fn send(&mut self, raw: &[u8], thread: Option<&str>) -> &SentMail {
        let number = self.mails.len();
        // What a mail program leaves out, Gmail adds.
        let mut whole = Vec::new();
        let given = parse(raw);
        for (name, value) in [
            ("From", ADDRESS.to_owned()),
            ("Date", "Fri, 1 May 2026 00:00:00 +0000".to_owned()),
            ("Message-ID", format!("<sent-{number}@mail.gmail.com>")),
        ] {
            if given.header(name).is_none() {
                whole.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        whole.extend_from_slice(raw);
        let parsed = parse(&whole);
        let belongs = |thread: &&str| {
            let referred = parsed.references().any(|id| self.thread_with(&id).as_deref() == Some(thread));
            let same = |mail: &Mail| mail.thread == **thread && topic(&mail.parsed) == topic(&parsed);
            referred && self.mails.iter().any(same)
        };
        let thread = thread.filter(belongs).map(str::to_owned);
        // What the user sends to himself is in the inbox as well.
        let labels = if parsed.is_for(ADDRESS) { &["SENT", "INBOX", "UNREAD"][..] } else { &["SENT"] };
        let id = self.keep(parsed, thread, labels).to_owned();
        let thread_id = self.mails[number].thread.clone();
        self.sent.push(SentMail { id, thread_id, raw: raw.to_owned() });
        &self.sent[self.sent.len() - 1]
    }

    fn keep(&mut self, parsed: Parsed, thread: Option<String>, labels: &[&str]) -> &str {
        let number = self.mails.len();
        let id = format!("19de{number:012x}");
        self.mails.push(Mail {
            thread: thread.unwrap_or_else(|| id.clone()),
            id,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            received: BEGIN + i64::try_from(number).unwrap() * 60_000,
            parsed,
        });
        &self.mails[number].id
    }

    /// Returns the conversation with the message of a Message-ID.
    fn thread_with(&self, message_id: &str) -> Option<String> {
        let has = |mail: &&Mail| mail.parsed.header("Message-ID").is_some_and(|id| id.contains(message_id));
        self.mails.iter().find(has).map(|mail| mail.thread.clone())
    }

    pub(super) fn make_label(&mut self, name: &str) -> &str {
        let id = format!("Label_{}", self.labels.len() + 1);
        self.labels.push((id, name.to_owned()));
        &self.labels[self.labels.len() - 1].0
    }

    pub(super) fn label_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.labels.iter().find(|(other, _)| other == id).map_or(id, |(_, name)| name)
    }

    pub(super) fn has_label(&self, id: &Value) -> bool {
        id.as_str().is_some_and(|id| OWN.contains(&id) || self.labels.iter().any(|(other, _)| other == id))
    }
}

fn topic(mail: &Parsed) -> String {
    let subject = mail.header("Subject").unwrap_or_default().to_lowercase();
    subject.trim_start_matches("re:").trim().to_owned()
}
