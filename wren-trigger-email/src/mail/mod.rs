//! A mail, read from its bytes.

mod contents;
mod encoding;
mod fields;
mod html;
mod limits;
mod lines;
mod omission;
mod params;
mod searched;
mod sender;
mod summary;
mod tree;

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use wren_core::mail::{Budget, addresses, bare_addresses, date, decode};

use contents::{Attachment, Contents, contents};
use fields::Fields;
pub use limits::MailLimits;
pub use omission::Omission;
use omission::Omissions;
use searched::SEARCHED_BODY;
pub(crate) use searched::{Searched, Text, lower};

/// The longest Message-ID that names a mail, in bytes. With a longer one its hash does.
const LONGEST_ID: usize = 250;

/// How many addresses of a mail filters look at.
const MOST_ADDRESSES: usize = 1000;

/// A mail, read from its bytes. Whatever the bytes are, there is a mail to see.
///
/// ```
/// use wren_trigger_email::{Mail, MailLimits};
///
/// let raw = b"From: Ada <ada@example.com>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\r\nAt nine?\r\n";
/// let event = Mail::parse(raw, &MailLimits::default()).to_event();
/// assert_eq!((event["subject"].as_str(), event["text"].as_str()), (Some("Café"), Some("At nine?\n")));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// The event, with attachments as they are described.
    event: Map<String, Value>,
    attachments: Vec<Attachment>,
    message_id: Option<String>,
    hash: String,
    omissions: Omissions,
    searched: Searched,
}

impl Mail {
    /// Reads a mail. It takes time and memory in proportion to the mail's length, whatever it holds, and never fails: what is
    /// beyond the limits, or makes no sense, is left out.
    #[must_use]
    pub fn parse(raw: &[u8], limits: &MailLimits) -> Self {
        let mut omissions = Omissions::default();
        let read = &raw[..raw.len().min(limits.raw_bytes)];
        if read.len() < raw.len() {
            omissions.note(Omission::Length);
        }
        let tree = tree::split(read, limits, &mut omissions);
        let contents = contents(&tree.parts, limits, &mut omissions);
        let fields = &tree.fields;
        let searched = searched(fields, &contents);
        let message_id = fields.first("Message-ID").and_then(message_id);
        let is_verified = sender::is_verified(fields, limits);
        let (event, attachments) = event(fields, contents, is_verified, limits, &mut omissions);
        Self { event, attachments, message_id, hash: hexadecimal(&Sha256::digest(raw)), omissions, searched }
    }

    /// Returns the Message-ID without its brackets; `None` when the mail has none, or one that is no id. It is the sender's word:
    /// two mails may have the same.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// Returns the SHA-256 of the mail's bytes, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.hash
    }

    /// Names the mail, 64 lower-case hexadecimal digits: by what it says of itself and by its bytes, however it came here and
    /// under whatever number, so that neither a mail that comes again is another one nor one that claims a known Message-ID is
    /// taken for that.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        // Its length keeps the one from running into the other.
        let id = self.message_id().unwrap_or_default();
        hash.update((id.len() as u64).to_be_bytes());
        hash.update(id);
        hash.update(self.content_hash());
        hexadecimal(&hash.finalize())
    }

    /// Returns what was left out, or could not be read as it was meant; each kind once.
    #[must_use]
    pub fn omissions(&self) -> &[Omission] {
        self.omissions.list()
    }

    /// Returns what a handler gets: what the SDK's `Email.from_event` reads.
    #[must_use]
    pub fn to_event(&self) -> Value {
        let mut event = self.event.clone();
        let attachments = self.attachments.iter().map(described).collect();
        event.insert("attachments".to_owned(), Value::Array(attachments));
        Value::Object(event)
    }

    pub(crate) fn searched(&self) -> &Searched {
        &self.searched
    }
}

/// Describes a mail within its limits. What is short as a rule comes first and may have its share; the texts have all the rest.
fn event(
    fields: &Fields<'_>,
    contents: Contents,
    is_verified: bool,
    limits: &MailLimits,
    omissions: &mut Omissions,
) -> (Map<String, Value>, Vec<Attachment>) {
    let mut budget = Budget::new(limits.text_bytes);
    let first = |name: &str| fields.first(name).map(decode);
    let from = budget.quarter(|budget| budget.text(&first("From").unwrap_or_default()));
    let subject = budget.quarter(|budget| budget.text(&first("Subject").unwrap_or_default()));
    let message_id = budget.quarter(|budget| budget.optional(first("Message-ID").as_deref()));
    let to = budget.quarter(|budget| budget.texts(fields.every("To").flat_map(addresses)));
    let cc = budget.quarter(|budget| budget.texts(fields.every("Cc").flat_map(addresses)));
    let mut attachments = contents.attachments;
    budget.quarter(|budget| {
        // The keys and the size take some eighty bytes, which nobody has to fill.
        let fits = |one: &&Attachment| budget.takes(&format!("{:80}{}{}", "", one.filename, one.content_type));
        attachments.truncate(attachments.iter().take_while(fits).count());
    });
    let headers = budget.quarter(|budget| headers(fields, budget));
    let text = budget.text(&contents.text);
    let html = contents.html.map(|html| budget.text(&html)).filter(|html| !html.is_empty());
    if budget.is_cut() {
        omissions.note(Omission::Text);
    }
    let event = json!({
        "message_id": message_id,
        "from": from,
        "to": to,
        "cc": cc,
        "subject": subject,
        "date": fields.first("Date").and_then(date),
        "text": text,
        "html": html,
        "headers": headers,
        "verified_sender": is_verified,
        "truncated": !omissions.list().is_empty(),
    });
    let Value::Object(event) = event else { return (Map::new(), attachments) };
    (event, attachments)
}

/// Returns the header fields by name. Of several with one name it is the topmost, which was written last: those below may be
/// what the sender would like to be believed.
fn headers(fields: &Fields<'_>, budget: &mut Budget) -> Map<String, Value> {
    let mut headers = Map::new();
    let mut seen = HashSet::new();
    for (name, value) in fields.all() {
        if !seen.insert(name.to_ascii_lowercase()) {
            continue;
        }
        let value = decode(value);
        // One that is too long leaves room for those after it.
        if budget.takes(name) && budget.takes(&value) {
            headers.insert(name.to_owned(), value.into());
        }
    }
    headers
}

fn described(attachment: &Attachment) -> Value {
    let Attachment { filename, content_type, size, content } = attachment;
    let mut described = json!({"filename": filename, "content_type": content_type, "size": size});
    if let Some(content) = content {
        described["content"] = STANDARD.encode(content).into();
    }
    described
}

/// Gathers what filters look at.
fn searched(fields: &Fields<'_>, contents: &Contents) -> Searched {
    let texts = |addresses: Vec<String>| addresses.into_iter().take(MOST_ADDRESSES).map(Text::new).collect();
    let from = fields.first("From").map(bare_addresses).unwrap_or_default();
    let to = fields.every("To").chain(fields.every("Cc")).flat_map(bare_addresses);
    let is_html = contents.text.trim().is_empty();
    let html = contents.html.as_deref().filter(|_| is_html).map(html::words);
    let body = html.as_deref().unwrap_or(&contents.text);
    Searched {
        subject: Text::new(fields.first("Subject").map(decode).unwrap_or_default()),
        body: Text::new(body[..body.floor_char_boundary(SEARCHED_BODY)].to_owned()),
        from: texts(from),
        to: texts(to.take(MOST_ADDRESSES).collect()),
        has_attachment: !contents.attachments.is_empty(),
    }
}

/// Returns an id without its brackets; `None` for what is no id.
fn message_id(field: &str) -> Option<String> {
    let field = field.trim();
    let id = field.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(field, |(id, _)| id).trim();
    let is_id = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| id.to_owned())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
