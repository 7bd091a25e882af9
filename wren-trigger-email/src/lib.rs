//! Email triggers: a mail that matches a trigger's filter fires it.
//!
//! A [`Mail`] is read from its bytes within [`MailLimits`], whatever they are: RFC 5322 (the format), RFC 2045 to 2047 (parts,
//! encodings, encoded words), RFC 2231 (parameters in pieces) and RFC 8601 (whether the sender was checked), as far as strangers
//! keep to them. Sizes are in bytes. A [`Filter`] is read from the arguments of `@wren.on_email`, with `INVALID_FILTER` for each
//! that makes no sense, and a [`FilterIndex`] finds those of many that a mail passes.
//!
//! ```
//! use serde_json::json;
//! use wren_core::TriggerId;
//! use wren_trigger_email::{Filter, FilterIndex, Mail, MailLimits};
//!
//! let config = json!({"from": "*@acme.com", "subject": "invoice", "not": {"subject": ["draft", "re:^test"]}});
//! let filter = Filter::parse(config.as_object().unwrap()).unwrap();
//! let trigger = TriggerId::new();
//! let index = FilterIndex::new([(trigger, filter)]);
//!
//! let raw = b"From: Billing <billing@acme.com>\r\nSubject: Your Invoice\r\n\r\nThank you.\r\n";
//! let mail = Mail::parse(raw, &MailLimits::default());
//! assert_eq!(index.matching(&mail, "INBOX"), [trigger]);
//! ```
//!
//! It does not open `winmail.dat`, decrypt or check signatures, run HTML, or believe a sender on the sender's word.

mod filter;
mod imap;
mod inbound;
mod mail;
mod source;

pub use filter::{Filter, FilterIndex};
pub use inbound::{InboundAddress, InboundAddresses, InboundEmail};
pub use mail::{Mail, MailLimits, Omission};
pub use source::{EmailOptions, EmailSource, EmailSourceBuilder};
