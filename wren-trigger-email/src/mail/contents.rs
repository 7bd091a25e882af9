//! What a mail's parts are: its texts, and its attachments.

use super::encoding::{Decoded, decode};
use super::limits::MailLimits;
use super::omission::{Omission, Omissions};
use super::params::disposition;
use super::tree::Part;

/// A file that came with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
    pub(super) filename: String,
    pub(super) content_type: String,
    /// In bytes.
    pub(super) size: usize,
    /// `None` where the bytes were left out.
    pub(super) content: Option<Vec<u8>>,
}

/// What a mail contains.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The plain text, one after the other where there are several.
    pub(super) text: String,
    /// The HTML, if there is some.
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<Attachment>,
    /// How many bytes the attachments have.
    held: usize,
}

/// Reads a mail's parts.
pub(super) fn contents(parts: &[Part<'_>], limits: &MailLimits, omissions: &mut Omissions) -> Contents {
    let mut contents = Contents::default();
    for part in parts {
        contents.take(part, limits, omissions);
    }
    contents
}

impl Contents {
    fn take(&mut self, part: &Part<'_>, limits: &MailLimits, omissions: &mut Omissions) {
        let (is_attached, filename) = disposition(part.fields.first("Content-Disposition"));
        let filename = if filename.is_empty() { part.kind.name.clone() } else { filename };
        let encoding = part.fields.first("Content-Transfer-Encoding").unwrap_or_default();
        let (is_text, is_html) = (part.kind.mime == "text/plain", part.kind.mime == "text/html");
        if (is_text || is_html) && filename.is_empty() && !is_attached {
            let held = if is_html { self.html.as_ref().map_or(0, String::len) } else { self.text.len() };
            let most = limits.text_bytes.saturating_sub(held);
            let decoded = decode(part.body, encoding, most);
            note(&decoded, most, Omission::Text, omissions);
            return self.add_text(&decoded.bytes, &part.kind.charset, is_html);
        }
        let most = limits.attachment_bytes.saturating_sub(self.held);
        let decoded = decode(part.body, encoding, most);
        // A delimiter that was written twice.
        if decoded.size == 0 && filename.is_empty() && (part.fields.is_empty() || !is_attached) {
            return;
        }
        note(&decoded, most, Omission::Attachment, omissions);
        let content = (decoded.size <= most).then_some(decoded.bytes);
        self.held += content.as_ref().map_or(0, Vec::len);
        let filename = if filename.is_empty() { nameless(&part.kind.mime).to_owned() } else { filename };
        let content_type = part.kind.mime.clone();
        self.attachments.push(Attachment { filename, content_type, size: decoded.size, content });
    }

    fn add_text(&mut self, bytes: &[u8], charset: &str, is_html: bool) {
        let mut text = wren_core::mail::text(bytes, charset);
        // A mail whose lines end with CR alone.
        if text.contains('\r') && !text.contains('\n') {
            text = text.replace('\r', "\n");
        }
        // No store and no JSON parser of another language is sure to take it.
        text.retain(|character| character != '\0');
        if text.is_empty() && is_html {
            return;
        }
        let whole = if is_html { self.html.get_or_insert_default() } else { &mut self.text };
        if !whole.is_empty() && !whole.ends_with('\n') && !text.is_empty() {
            whole.push('\n');
        }
        whole.push_str(&text);
    }
}

fn note(decoded: &Decoded, most: usize, cut: Omission, omissions: &mut Omissions) {
    if decoded.is_damaged {
        omissions.note(Omission::Encoding);
    }
    if decoded.size > most {
        omissions.note(cut);
    }
}

fn nameless(mime: &str) -> &'static str {
    match mime {
        "text/plain" => "attachment.txt",
        "text/html" => "attachment.html",
        "text/calendar" => "attachment.ics",
        "message/rfc822" => "attachment.eml",
        "application/ms-tnef" => "winmail.dat",
        _ => "attachment",
    }
}
