//! `integration.call`: which integrations have actions, and who carries them out.

use serde_json::{Map, Value};
use wren_core::host::RunContext;
use wren_core::{Error, ErrorCode, Result};

use super::call::{object, text};
use super::{Broker, gmail, slack};

/// An integration whose actions the broker knows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    Gmail,
    Slack,
}

impl Service {
    /// Finds the integration that a call names.
    pub(super) fn of(args: &Map<String, Value>) -> Option<Self> {
        match args.get("integration").and_then(Value::as_str)? {
            gmail::NAME => Some(Self::Gmail),
            slack::NAME => Some(Self::Slack),
            _ => None,
        }
    }
}

impl Broker {
    /// Carries out an action.
    pub(super) async fn act(&self, service: Service, context: &RunContext, call: &Map<String, Value>) -> Result<Value> {
        let name = text(call, "action")?;
        let args = object(call, "args")?;
        match service {
            Service::Gmail => match gmail::Action::parse(name) {
                Some(action) => self.gmail(context, action, &args).await,
                None => Err(self.without_actions(context, call).await),
            },
            Service::Slack => match slack::Action::parse(name) {
                Some(action) => self.slack(context, action, &args).await,
                None => Err(self.without_actions(context, call).await),
            },
        }
    }

    /// Answers for an action that nobody knows: what hinders it before all else.
    pub(super) async fn without_actions(&self, context: &RunContext, args: &Map<String, Value>) -> Error {
        let text = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, action) = (text("integration"), text("action"));
        if self.catalogue.find(name).is_none() {
            return self.directory.unknown(name);
        }
        match self.vault.status(&context.owner, name, self.clock.now()).await {
            Err(error) => error,
            Ok(None) => self.directory.without_credential(name),
            Ok(Some(_)) => {
                let action: String = action.chars().take(64).collect();
                Error::new(ErrorCode::InvalidRequest, format!("`{name}` has no action `{action}` on this platform"))
            }
        }
    }
}
