//! The parts of a message, in which its texts and attachments are found.

use serde_json::Value;
use wren_core::mail::{base_name, decode};

use super::charset;
use super::header::Fields;

/// How many parts are looked at, containers included. What comes after them is left out.
const MOST_PARTS: usize = 1000;

/// How deep parts are looked for. Mail programs need some six levels.
const MOST_LEVELS: usize = 30;

/// What a message contains.
#[derive(Default)]
pub(super) struct Contents<'a> {
    /// The plain text, one after the other where there are several.
    pub(super) text: String,
    /// The HTML, if there is some.
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<Attachment<'a>>,
    /// Something was left out.
    pub(super) is_cut: bool,
}

/// A part that is not one of the message's texts.
pub(super) struct Attachment<'a> {
    pub(super) filename: String,
    pub(super) content_type: &'a str,
    pub(super) size: u64,
    pub(super) content: Content<'a>,
}

/// Where an attachment's bytes are.
pub(super) enum Content<'a> {
    /// In the message, base64url.
    Here(&'a str),
    /// In an answer of their own, to be asked for by this id.
    Apart(&'a str),
    Nowhere,
}

/// Finds what a message contains. It goes from part to part without recursion: how deep they are nested is the sender's choice.
pub(super) fn contents(payload: &Value) -> Contents<'_> {
    let mut found = Contents::default();
    let mut open = vec![(payload, 0)];
    let mut seen = 0;
    while let Some((part, level)) = open.pop() {
        seen += 1;
        if seen > MOST_PARTS || level > MOST_LEVELS {
            found.is_cut = true;
            continue;
        }
        let kind = part["mimeType"].as_str().unwrap_or_default();
        match part["parts"].as_array() {
            // A message in the message is an attachment: its text was said by somebody else.
            Some(parts) if !kind.eq_ignore_ascii_case("message/rfc822") => {
                open.extend(parts.iter().rev().map(|part| (part, level + 1)));
            }
            _ => found.take(part, kind),
        }
    }
    found
}

impl<'a> Contents<'a> {
    /// Takes a part that holds no others.
    fn take(&mut self, part: &'a Value, kind: &'a str) {
        let body = &part["body"];
        let content = match (body["data"].as_str(), body["attachmentId"].as_str()) {
            (Some(data), _) => Content::Here(data),
            (None, Some(id)) => Content::Apart(id),
            (None, None) => Content::Nowhere,
        };
        let size = body["size"].as_u64().unwrap_or_default();
        let (is_text, is_html) = (kind.eq_ignore_ascii_case("text/plain"), kind.eq_ignore_ascii_case("text/html"));
        let filename = part["filename"].as_str().unwrap_or_default();
        if (is_text || is_html) && filename.is_empty() && !is_attached(part) {
            match content {
                Content::Here(data) => return self.add_text(part, data, is_html),
                Content::Nowhere => {
                    self.is_cut |= size > 0;
                    return;
                }
                // Too long for Gmail to put it here. As an attachment it can be had at all.
                Content::Apart(_) => self.is_cut = true,
            }
        }
        // An empty container.
        if kind.starts_with("multipart/") || (filename.is_empty() && size == 0) {
            return;
        }
        let filename = if filename.is_empty() { None } else { Some(base_name(&decode(filename))) };
        let filename = filename.filter(|name| !name.is_empty()).unwrap_or_else(|| nameless(kind).to_owned());
        let content_type = if kind.is_empty() { "application/octet-stream" } else { kind };
        self.attachments.push(Attachment { filename, content_type, size, content });
    }

    fn add_text(&mut self, part: &Value, data: &str, is_html: bool) {
        let Some(bytes) = charset::bytes(data) else {
            self.is_cut = true;
            return;
        };
        let text = charset::text(&bytes, Fields::of(part).raw("Content-Type").unwrap_or_default());
        let whole = if is_html { self.html.get_or_insert_default() } else { &mut self.text };
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(&text);
    }
}

/// Says whether the sender wants a text to be a file.
fn is_attached(part: &Value) -> bool {
    let disposition = Fields::of(part).raw("Content-Disposition").unwrap_or_default();
    let kind = disposition.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("attachment")
}

fn nameless(kind: &str) -> &'static str {
    match kind {
        "text/plain" => "attachment.txt",
        "text/html" => "attachment.html",
        "text/calendar" => "attachment.ics",
        "message/rfc822" => "attachment.eml",
        _ => "attachment",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Value {
        json!({"mimeType": "text/plain", "filename": "", "body": {"size": text.len(), "data": encoded(text)}})
    }

    fn encoded(text: &str) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE.encode(text)
    }

    #[test]
    fn texts_stand_in_the_order_of_the_message() {
        let html = json!({"mimeType": "text/html", "filename": "", "body": {"size": 8, "data": encoded("<p>a</p>")}});
        let alternative = json!({"mimeType": "multipart/alternative", "parts": [text("a"), html]});
        let mixed = json!({"mimeType": "multipart/mixed", "parts": [alternative, text("b\n"), text("c")]});
        let found = contents(&mixed);
        assert_eq!((found.text.as_str(), found.html.as_deref()), ("a\nb\nc", Some("<p>a</p>")));
        assert!(found.attachments.is_empty() && !found.is_cut);
    }

    #[test]
    fn what_is_a_file_is_no_text() {
        let mut named = text("named");
        named["filename"] = "../../etc/pass\u{7}wd".into();
        let mut attached = text("attached");
        attached["headers"] = json!([{"name": "Content-Disposition", "value": "Attachment; x=y"}]);
        let inner = json!({"mimeType": "message/rfc822", "filename": "", "body": {"size": 9, "attachmentId": "A1"},
                           "parts": [text("said by another")]});
        let message = json!({"parts": [text("said"), named, attached, inner]});
        let found = contents(&message);
        assert_eq!(found.text, "said");
        let names: Vec<&str> = found.attachments.iter().map(|one| one.filename.as_str()).collect();
        assert_eq!(names, ["passwd", "attachment.txt", "attachment.eml"]);
    }

    #[test]
    fn a_hostile_message_is_read_as_far_as_it_is_sensible() {
        let mut deep = text("deep");
        for _ in 0..100 {
            deep = json!({"mimeType": "multipart/mixed", "parts": [deep]});
        }
        let message = json!({"parts": [text("here"), deep, text("there")]});
        let found = contents(&message);
        assert_eq!((found.text.as_str(), found.is_cut), ("here\nthere", true));
        let many: Vec<Value> = std::iter::repeat_with(|| text("x")).take(5000).collect();
        let message = json!({"parts": many});
        let found = contents(&message);
        assert_eq!((found.text.len(), found.is_cut), (2 * MOST_PARTS - 3, true));
        for nonsense in
            [json!(null), json!([]), json!({"parts": 7}), json!({"mimeType": "text/plain", "body": {"data": "%"}})]
        {
            assert_eq!(contents(&nonsense).text, "");
        }
    }
}
