//! What is read of mails, wherever they come from: the rules that a provider's answer and an IMAP mailbox share.
//!
//! Header fields are taken as they were written, the topmost first. It follows RFC 5322 (fields, addresses, dates), RFC 2047
//! (encoded words) and RFC 8601 (`Authentication-Results`). Everything in a mail is a stranger's: what takes more than linear
//! time is bounded, and nothing here fails.

mod address;
mod budget;
mod charset;
mod date;
mod field;
mod filename;
mod sender;

pub use address::{addresses, bare_addresses, sole_domain};
pub use budget::Budget;
pub use charset::{header_text, text};
pub use date::date;
pub use field::{LONGEST_FIELD, decode, unfolded};
pub use filename::base_name;
pub use sender::dmarc_passes;
