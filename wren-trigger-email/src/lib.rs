//! Email triggers: a mail that matches a trigger's filter fires it.

mod filter;
mod mail;

pub use filter::{Filter, FilterIndex};
pub use mail::{Mail, MailLimits};
