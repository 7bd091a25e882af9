//! Email triggers: a mail that matches a trigger's filter fires it.

mod filter;
mod imap;
mod mail;
mod source;

pub use filter::{Filter, FilterIndex};
pub use mail::{Mail, MailLimits};
pub use source::{EmailOptions, EmailSource, EmailSourceBuilder};
