//! `integration.call` of Gmail: the SDK's `gmail.inbox`, `get`, `send` and `label`, in the words of Gmail's REST API, version 1.
//!
//! Everything in an email is somebody else's: what is read of it is bounded in depth, number and size, and no fault of one
//! email hinders the others.

mod attachments;
mod charset;
mod compose;
mod email;
mod header;
mod inbox;
mod labels;
mod mailbox;
mod parts;
mod recipients;
mod refused;
mod send;
mod sender;

use serde_json::{Map, Value};
use wren_core::Result;
use wren_core::host::RunContext;

use super::Broker;
use mailbox::{Mailbox, MessageId};

pub(super) const NAME: &str = "gmail";

/// What a script wants.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Inbox,
    Get,
    Send,
    Label,
}

impl Action {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "inbox" => Some(Self::Inbox),
            "get" => Some(Self::Get),
            "send" => Some(Self::Send),
            "label" => Some(Self::Label),
            _ => None,
        }
    }

    /// What the audit trail calls it.
    fn purpose(self) -> &'static str {
        match self {
            Self::Inbox => "gmail.inbox",
            Self::Get => "gmail.get",
            Self::Send => "gmail.send",
            Self::Label => "gmail.label",
        }
    }
}

impl Broker {
    /// Does what a script asks of Gmail.
    pub(super) async fn gmail(&self, context: &RunContext, action: Action, args: &Map<String, Value>) -> Result<Value> {
        let mailbox = Mailbox::new(self, context, action.purpose());
        match action {
            Action::Inbox => inbox::inbox(&mailbox, args).await,
            Action::Get => attachments::get(&mailbox, &MessageId::read(args, "id")?).await,
            Action::Send => send::send(&mailbox, args).await,
            Action::Label => labels::label(&mailbox, args).await,
        }
    }
}
