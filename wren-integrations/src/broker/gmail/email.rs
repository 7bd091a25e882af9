//! A message of Gmail's as the SDK's `Email.from_event` reads it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use wren_core::mail::{Budget, decode};

use super::header::{Fields, date};
use super::mailbox::Message;
use super::parts::{Attachment, Contents, contents};
use super::sender::is_verified;

/// An email, without the bytes of its attachments.
pub(super) struct Email<'a> {
    pub(super) json: Value,
    /// In the order in which they stand in the JSON.
    pub(super) attachments: Vec<Attachment<'a>>,
}

/// Describes a message within a budget. What does not fit is left out, `truncated` says that something was.
pub(super) fn email<'a>(message: &'a Message, mut budget: Budget) -> Email<'a> {
    let Message { json: message, is_summary } = message;
    let (payload, fields) = (&message["payload"], Fields::of(&message["payload"]));
    let found = if *is_summary { summary(message) } else { contents(payload) };
    if found.is_cut {
        budget.cut();
    }

    // What is short as a rule comes first and may have its share; the texts have all the rest.
    let from = budget.quarter(|budget| budget.text(&fields.text("From").unwrap_or_default()));
    let subject = budget.quarter(|budget| budget.text(&fields.text("Subject").unwrap_or_default()));
    let message_id = budget.quarter(|budget| budget.optional(fields.text("Message-ID").as_deref()));
    let to = budget.quarter(|budget| budget.texts(fields.addresses("To")));
    let cc = budget.quarter(|budget| budget.texts(fields.addresses("Cc")));
    let mut attachments = found.attachments;
    let described = budget.quarter(|budget| {
        // The keys and the size take some fifty bytes, which nobody has to fill.
        let fits = |one: &&Attachment<'_>| budget.takes(&format!("{:50}{}{}", "", one.filename, one.content_type));
        attachments.truncate(attachments.iter().take_while(fits).count());
        attachments.iter().map(describe).collect::<Vec<Value>>()
    });
    let headers = budget.quarter(|budget| headers(fields, budget));
    let text = budget.text(&found.text);
    let html = found.html.map(|html| budget.text(&html)).filter(|html| !html.is_empty());
    let json = json!({
        "id": message["id"],
        "message_id": message_id,
        "from": from,
        "to": to,
        "cc": cc,
        "subject": subject,
        "date": date(message, fields),
        "text": text,
        "html": html,
        "headers": headers,
        "attachments": described,
        "verified_sender": is_verified(fields),
        "truncated": budget.is_cut(),
    });
    Email { json, attachments }
}

fn describe(attachment: &Attachment<'_>) -> Value {
    let Attachment { filename, content_type, size, .. } = attachment;
    json!({"filename": filename, "content_type": content_type, "size": size})
}

/// What there is of a message that is too much to be read: the beginning of its text, by Gmail's word.
fn summary(message: &Value) -> Contents<'static> {
    let snippet = message["snippet"].as_str().unwrap_or_default();
    // The four that Gmail writes; the ampersand last, so that nothing is unescaped twice.
    let text = snippet.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Contents { text: text.replace("&amp;", "&"), is_cut: true, ..Contents::default() }
}

/// Returns the header fields by name. Of several with one name it is the topmost, which was written last: those below may be
/// what the sender would like to be believed.
fn headers(fields: Fields<'_>, budget: &mut Budget) -> Map<String, Value> {
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
