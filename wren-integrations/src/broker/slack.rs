//! `integration.call` of Slack: the SDK's `slack.post`, `update`, `react` and `history`, in the words of Slack's Web API.

use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;
use wren_core::host::RunContext;
use wren_core::{Error, ErrorCode, Result};

use super::Broker;
use super::call::{HttpAnswer, invalid, limit, optional_text, text};
use super::failure;
use super::request::IntegrationRequest;

pub(super) const NAME: &str = "slack";
/// The most messages that Slack gives at once.
const MOST_MESSAGES: u64 = 999;

/// What a script wants.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Post,
    Update,
    React,
    History,
}

impl Action {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "post" => Some(Self::Post),
            "update" => Some(Self::Update),
            "react" => Some(Self::React),
            "history" => Some(Self::History),
            _ => None,
        }
    }

    /// What the audit trail calls it.
    fn purpose(self) -> &'static str {
        match self {
            Self::Post => "slack.post",
            Self::Update => "slack.update",
            Self::React => "slack.react",
            Self::History => "slack.history",
        }
    }

    /// Slack's name of it.
    fn method(self) -> &'static str {
        match self {
            Self::Post => "chat.postMessage",
            Self::Update => "chat.update",
            Self::React => "reactions.add",
            Self::History => "conversations.history",
        }
    }

    fn request(self, args: &Map<String, Value>) -> Result<IntegrationRequest> {
        let channel = text(args, "channel")?;
        let path = format!("/api/{}", self.method());
        let mut body = json!({ "channel": channel });
        match self {
            Self::Post => {
                content(&mut body, args)?;
                if let Some(thread) = optional_text(args, "thread_ts")? {
                    body["thread_ts"] = thread.into();
                }
            }
            Self::Update => {
                content(&mut body, args)?;
                body["ts"] = text(args, "ts")?.into();
            }
            Self::React => {
                body["timestamp"] = text(args, "ts")?.into();
                body["name"] = text(args, "emoji")?.into();
            }
            Self::History => {
                let limit = limit(args, "limit", MOST_MESSAGES)?;
                let query = Serializer::new(String::new())
                    .append_pair("channel", channel)
                    .append_pair("limit", &limit.to_string())
                    .finish();
                return Ok(IntegrationRequest::new(NAME, "GET", format!("{path}?{query}")));
            }
        }
        // Slack warns of a body whose charset is not said.
        let request = IntegrationRequest::new(NAME, "POST", path).with_body(body.to_string());
        Ok(request.with_header("content-type", "application/json; charset=utf-8"))
    }

    fn answer(self, body: &mut Value) -> Value {
        match self {
            Self::Post | Self::Update => json!({ "channel": body["channel"], "ts": body["ts"] }),
            Self::React => Value::Null,
            Self::History => match body["messages"].take() {
                Value::Null => json!([]),
                messages => messages,
            },
        }
    }
}

/// Puts what a message says into a body.
fn content(body: &mut Value, args: &Map<String, Value>) -> Result<()> {
    let text = optional_text(args, "text")?.unwrap_or_default();
    let blocks = match args.get("blocks").unwrap_or(&Value::Null) {
        Value::Null => None,
        blocks @ Value::Array(_) => Some(blocks),
        _ => return Err(invalid("`blocks` is not a list")),
    };
    if text.is_empty() && blocks.is_none() {
        return Err(invalid("the message is empty").with_hint("give it a `text`, `blocks`, or both"));
    }
    body["text"] = text.into();
    if let Some(blocks) = blocks {
        body["blocks"] = blocks.clone();
    }
    Ok(())
}

impl Broker {
    /// Does what a script asks of Slack.
    pub(super) async fn slack(&self, context: &RunContext, action: Action, args: &Map<String, Value>) -> Result<Value> {
        let answer = self.ask(context, &action.request(args)?, action.purpose()).await?;
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 && body["ok"] == true {
            return Ok(action.answer(&mut body));
        }
        Err(refused(action, &answer, &body))
    }
}

/// Makes the error for what Slack did not do: an answer with `"ok": false`, or one that is not of its API.
fn refused(action: Action, answer: &HttpAnswer, body: &Value) -> Error {
    let method = action.method();
    // A name of Slack's list, such as `channel_not_found`; anything else is not repeated.
    let is_name = |text: &&str| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let reason = body["error"].as_str().filter(is_name).unwrap_or_default();
    let error = match (answer.status, reason) {
        (429, _) | (_, "ratelimited" | "rate_limited") => {
            Error::new(ErrorCode::RateLimited, "Slack limits how often it is asked").with_hint("ask again later")
        }
        (500.., _) | (_, "" | "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout") => {
            failure::upstream("answer", format!("Slack did not carry out {method}: status {} {reason}", answer.status))
        }
        (_, reason) => {
            let error = invalid(format!("Slack refused {method}: {reason}"));
            match hint(reason) {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        }
    };
    failure::with_retry_after(error, answer).with_detail("integration", NAME).with_detail("reason", reason)
}

fn hint(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "channel_not_found" => {
            "check the channel's name or id; a private channel has to invite the app, and `history` needs the id"
        }
        "not_in_channel" => "invite the app to the channel",
        "is_archived" => "the channel is archived: name another one",
        "message_not_found" | "cant_update_message" => "only messages that this app posted can be changed: check `ts`",
        "msg_too_long" => "a message has at most 40,000 characters: send several",
        "invalid_blocks" | "invalid_blocks_format" => "try the blocks in Slack's Block Kit Builder",
        "already_reacted" => "the reaction is there already",
        "invalid_name" => "name an emoji of the workspace without colons, such as `thumbsup`",
        _ => return None,
    })
}
