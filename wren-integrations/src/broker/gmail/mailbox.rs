//! The user's mailbox as a script's call sees it: requests to Gmail, each under the call's purpose.

use std::fmt;

use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;
use wren_core::host::RunContext;
use wren_core::{ErrorCode, Result};

use super::super::Broker;
use super::super::call::{HttpAnswer, invalid, text};
use super::super::request::IntegrationRequest;
use super::{NAME, refused};

const ROOT: &str = "/gmail/v1/users/me";

/// An id of Gmail that may stand in a path.
#[derive(Debug, Clone)]
pub(super) struct MessageId(String);

impl MessageId {
    /// Reads an id among arguments.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for one that is absent, or that Gmail has never given to a message.
    pub(super) fn read(args: &Map<String, Value>, key: &str) -> Result<Self> {
        Self::parse(text(args, key)?).ok_or_else(|| {
            invalid(format!("`{key}` is not an id of Gmail's"))
                .with_hint("take the `id` of an email that gmail.inbox() returned; `message_id` is another one")
                .with_detail("argument", key)
        })
    }

    pub(super) fn parse(id: &str) -> Option<Self> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        ((1..=64).contains(&id.len()) && id.bytes().all(is_ours)).then(|| Self(id.to_owned()))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A message as Gmail describes it.
pub(super) struct Message {
    pub(super) json: Value,
    /// Without its parts, which were too much to read.
    pub(super) is_summary: bool,
}

/// The user's mailbox.
pub(super) struct Mailbox<'a> {
    broker: &'a Broker,
    context: &'a RunContext,
    purpose: &'static str,
}

impl<'a> Mailbox<'a> {
    pub(super) fn new(broker: &'a Broker, context: &'a RunContext, purpose: &'static str) -> Self {
        Self { broker, context, purpose }
    }

    /// Reads something; `thing` is what is not there when Gmail says so.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)], thing: &str) -> Result<Value> {
        self.ask(IntegrationRequest::new(NAME, "GET", target(path, query)), thing).await
    }

    /// Changes something; `thing` is what is not there when Gmail says so.
    pub(super) async fn post(&self, path: &str, body: &Value, thing: &str) -> Result<Value> {
        self.ask(IntegrationRequest::new(NAME, "POST", target(path, &[])).with_json(body), thing).await
    }

    /// Reads a message with its parts. One whose parts are too large, or nested too deeply, comes as a summary: what one
    /// stranger sent keeps nobody from the rest of the inbox.
    pub(super) async fn message(&self, id: &MessageId) -> Result<Message> {
        let (path, thing) = (format!("/messages/{id}"), format!("message `{id}`"));
        let full = IntegrationRequest::new(NAME, "GET", target(&path, &[("format", "full")]));
        match self.broker.ask(self.context, &full, self.purpose).await {
            Ok(answer) if answer.status == 200 => {
                if let Ok(json @ Value::Object(_)) = serde_json::from_slice(&answer.body) {
                    return Ok(Message { json, is_summary: false });
                }
            }
            Ok(answer) => return Err(refused::refused(&answer, &thing)),
            Err(error) if error.code() == ErrorCode::OutputLimit => {}
            Err(error) => return Err(error),
        }
        let json = self.get(&path, &[("format", "metadata")], &thing).await?;
        Ok(Message { json, is_summary: true })
    }

    async fn ask(&self, request: IntegrationRequest, thing: &str) -> Result<Value> {
        let answer: HttpAnswer = self.broker.ask(self.context, &request, self.purpose).await?;
        if answer.status != 200 {
            return Err(refused::refused(&answer, thing));
        }
        match serde_json::from_slice(&answer.body) {
            Ok(body @ Value::Object(_)) => Ok(body),
            _ => Err(refused::not_of_its_api(&answer)),
        }
    }
}

fn target(path: &str, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return format!("{ROOT}{path}");
    }
    format!("{ROOT}{path}?{}", Serializer::new(String::new()).extend_pairs(query).finish())
}
