//! Email triggers: a mail that matches a trigger's filter fires it.

mod filter;
mod inbound;
mod mail;

pub use filter::{Filter, FilterIndex};
pub use inbound::{InboundAddress, InboundAddresses, InboundEmail};
pub use mail::{Mail, MailLimits};
