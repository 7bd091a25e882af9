//! `gmail.get`: one email, with the bytes of its attachments.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use wren_core::mail::Budget;
use wren_core::{ErrorCode, Result};

use super::charset;
use super::email::email;
use super::mailbox::{Mailbox, MessageId};
use super::parts::Content;

/// How long an email may be without its attachments, in bytes.
const REST: usize = 2 * 1024 * 1024;
/// How many bytes all attachments may have together. In base64 they and the rest are below the 8 MiB of a frame to the guest.
const CONTENTS: usize = 4 * 1024 * 1024;

/// Returns an email. Attachments that do not fit come without their bytes, the smaller ones after them with theirs: the script
/// sees name and size of each, and is told when it asks for bytes that are not there.
pub(super) async fn get(mailbox: &Mailbox<'_>, id: &MessageId) -> Result<Value> {
    let message = mailbox.message(id).await?;
    let mut email = email(&message, Budget::new(REST));
    let mut left = CONTENTS;
    for (at, attachment) in email.attachments.iter().enumerate() {
        let bytes = match &attachment.content {
            Content::Here(data) => charset::bytes(data),
            Content::Apart(part) if attachment.size <= left as u64 => fetch(mailbox, id, part).await?,
            Content::Apart(_) | Content::Nowhere => None,
        };
        // What Gmail said of the size is believed when it is too much, and counted in any case.
        let Some(bytes) = bytes.filter(|bytes| bytes.len() <= left) else { continue };
        left -= bytes.len();
        let described = &mut email.json["attachments"][at];
        described["size"] = bytes.len().into();
        described["content"] = STANDARD.encode(&bytes).into();
    }
    Ok(email.json)
}

/// Fetches the bytes of one attachment; `None` when they cannot be had.
async fn fetch(mailbox: &Mailbox<'_>, id: &MessageId, part: &str) -> Result<Option<Vec<u8>>> {
    // These ids are longer than those of messages, and of the same characters.
    let is_sound = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if part.is_empty() || part.len() > 2048 || !is_sound {
        return Ok(None);
    }
    let path = format!("/messages/{id}/attachments/{part}");
    match mailbox.get(&path, &[], &format!("an attachment of message `{id}`")).await {
        Ok(body) => Ok(body["data"].as_str().and_then(charset::bytes)),
        Err(error) if error.code() == ErrorCode::OutputLimit => Ok(None),
        Err(error) => Err(error),
    }
}
