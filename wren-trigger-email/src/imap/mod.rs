//! IMAP, as far as watching a mailbox needs it. Every wait for the server has an end, and so has what it may send.

mod connect;
mod fault;
mod line;
mod login;
mod name;
mod session;
mod tls;

pub(crate) use connect::{Endpoint, Security, open};
pub(crate) use fault::{Fault, wrong_setting};
pub(crate) use login::{Login, LoginFault, log_in};
pub(crate) use session::{Meta, Selected, Session, set};
pub(crate) use tls::Tls;
