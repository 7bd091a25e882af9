//! A message as Gmail takes it apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use mailparse::{ParsedMail, parse_mail};
use serde_json::{Value, json};

/// A message, taken apart.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) payload: Value,
    pub(super) snippet: String,
    /// The attachments' bytes, by their ids.
    pub(super) attachments: Vec<(String, Vec<u8>)>,
    headers: Vec<(String, String)>,
}

pub(super) fn parse(raw: &[u8]) -> Parsed {
    let mail = parse_mail(raw).unwrap();
    let headers = mail.headers.iter().map(|header| (header.get_key(), header.get_value())).collect();
    let mut attachments = Vec::new();
    let mut snippet = String::new();
    let payload = part(&mail, "", &mut attachments, &mut snippet);
    // Gmail writes snippets for a page of HTML.
    let snippet: String = snippet.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    let snippet = snippet.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;");
    Parsed { payload, snippet, attachments, headers }
}

fn part(mail: &ParsedMail<'_>, id: &str, attachments: &mut Vec<(String, Vec<u8>)>, snippet: &mut String) -> Value {
    let disposition = mail.get_content_disposition();
    let filename = disposition.params.get("filename").or(mail.ctype.params.get("name")).cloned().unwrap_or_default();
    let headers: Vec<Value> = mail
        .headers
        .iter()
        .map(|header| {
            // Raw, but in one line.
            let value = String::from_utf8_lossy(header.get_value_raw()).replace(['\r', '\n'], "");
            json!({ "name": header.get_key(), "value": value })
        })
        .collect();
    let mut described = json!({
        "partId": id,
        "mimeType": mail.ctype.mimetype,
        "filename": filename,
        "headers": headers,
        "body": { "size": 0 },
    });
    if !mail.subparts.is_empty() {
        let inner = |(at, inner): (usize, &ParsedMail<'_>)| {
            let id = if id.is_empty() { at.to_string() } else { format!("{id}.{at}") };
            part(inner, &id, attachments, snippet)
        };
        described["parts"] = mail.subparts.iter().enumerate().map(inner).collect();
        return described;
    }
    let bytes = mail.get_body_raw().unwrap();
    described["body"]["size"] = bytes.len().into();
    if filename.is_empty() {
        if snippet.is_empty() && mail.ctype.mimetype == "text/plain" {
            *snippet = String::from_utf8_lossy(&bytes).into_owned();
        }
        described["body"]["data"] = URL_SAFE.encode(&bytes).into();
    } else {
        let id = format!("ANGjdJ_{}-{}", attachments.len(), "x".repeat(300));
        described["body"]["attachmentId"] = id.as_str().into();
        attachments.push((id, bytes));
    }
    described
}

impl Parsed {
    /// Returns the topmost header of a name, decoded.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the ids of the messages that it says it follows, with their brackets.
    pub(super) fn references(&self) -> impl Iterator<Item = String> {
        let fields = ["In-Reply-To", "References"].into_iter().filter_map(|name| self.header(name));
        fields.flat_map(str::split_whitespace).map(str::to_owned)
    }

    /// Says whether anybody gets it.
    pub(super) fn has_recipients(&self) -> bool {
        self.is_for("@")
    }

    /// Says whether a recipient's address contains a text.
    pub(super) fn is_for(&self, address: &str) -> bool {
        ["To", "Cc", "Bcc"].iter().any(|name| self.header(name).is_some_and(|list| list.contains(address)))
    }
}
