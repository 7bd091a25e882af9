//! Writes an email as RFC 5322 and MIME have it.

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::text::Text;
use mail_builder::headers::{Header, HeaderType};

use super::recipients::Recipient;

/// An email to be sent. Nothing in it has a line break where it would end a header field.
pub(super) struct Mail<'a> {
    pub(super) to: Vec<Recipient>,
    pub(super) cc: Vec<Recipient>,
    pub(super) bcc: Vec<Recipient>,
    pub(super) subject: String,
    pub(super) text: &'a str,
    pub(super) html: Option<&'a str>,
    /// Ids of the emails before it in the conversation, without their brackets; the one that it answers is the last.
    pub(super) references: Vec<String>,
}

impl Mail<'_> {
    /// Writes the email. Who sends it, when, and its Message-ID are for Gmail to say, which knows the account.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut mail = Vec::new();
        for (name, recipients) in [("To", &self.to), ("Cc", &self.cc), ("Bcc", &self.bcc)] {
            if !recipients.is_empty() {
                field(&mut mail, name, addresses(recipients));
            }
        }
        field(&mut mail, "Subject", Text::new(self.subject.as_str()));
        if let Some(answered) = self.references.last() {
            field(&mut mail, "In-Reply-To", MessageId::new(answered.as_str()));
            field(&mut mail, "References", MessageId::new_list(self.references.iter().map(String::as_str)));
        }
        mail.extend_from_slice(b"MIME-Version: 1.0\r\n");

        let body = MessageBuilder::new();
        let body = match self.html {
            // Nobody wants an empty text beside the HTML.
            Some(html) if self.text.is_empty() => body.html_body(html),
            Some(html) => body.text_body(self.text).html_body(html),
            None => body.text_body(self.text),
        };
        // Not the whole message: the library would give it a Message-ID of this machine.
        body.serialize_body(&mut mail);
        mail
    }
}

fn field<'a>(mail: &mut Vec<u8>, name: &str, value: impl Into<HeaderType<'a>>) {
    mail.extend_from_slice(name.as_bytes());
    mail.extend_from_slice(b": ");
    value.into().write_header(mail, name.len() + 2);
}

fn addresses(recipients: &[Recipient]) -> Address<'_> {
    let addresses = recipients.iter().map(|one| Address::new_address(one.name.as_deref(), one.address.as_str()));
    Address::new_list(addresses.collect())
}
