//! Slack's Web API, as much of it as posting, changing, reacting and reading take: <https://docs.slack.dev/reference/methods>.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::http::{Reply, Request, Server};

/// A message: its channel's id, and what Slack says of it.
type Messages = Mutex<Vec<(String, Value)>>;

/// A workspace with the channels `#general` (`C1`) and `#random` (`C2`).
#[derive(Debug)]
pub struct Slack {
    server: Server,
    messages: Arc<Messages>,
}

impl Slack {
    /// Starts a workspace that one token opens.
    #[must_use]
    pub fn start(token: &str) -> Self {
        let messages = Arc::new(Messages::default());
        let (kept, token) = (Arc::clone(&messages), token.to_owned());
        let server = Server::start(move |request| {
            let answer = if request.bears(&token) { answer(&kept, request) } else { Err("invalid_auth") };
            // A refusal has status 200, too.
            Reply::json(&answer.unwrap_or_else(|reason| json!({ "ok": false, "error": reason })))
        });
        Self { server, messages }
    }

    /// Returns where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the messages of a channel by its id, the oldest first.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Value> {
        let messages = self.messages.lock();
        messages.iter().filter(|(at, _)| at == channel).map(|(_, message)| message.clone()).collect()
    }

    /// Returns the requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// Answers the next request so; several stand in a queue.
    pub fn answer_next(&self, reply: Reply) {
        self.server.answer_next(reply);
    }
}

fn answer(messages: &Messages, request: &Request) -> Result<Value, &'static str> {
    let body = request.json();
    let method = request.path.strip_prefix("/api/").unwrap_or_default();
    if method == "auth.test" {
        return Ok(json!({ "ok": true, "team": "Wren", "user": "wren", "team_id": "T1", "user_id": "U1" }));
    }
    let channel = match body["channel"].as_str().or(request.asked("channel")).unwrap_or_default() {
        "C1" | "#general" | "general" => "C1",
        "C2" | "#random" | "random" => "C2",
        _ => return Err("channel_not_found"),
    };
    let mut messages = messages.lock();
    match method {
        "chat.postMessage" => {
            let ts = format!("17000000{:02}.000100", messages.len());
            let mut message = said(&body)?;
            message["type"] = "message".into();
            message["user"] = "U1".into();
            message["ts"] = ts.as_str().into();
            if body["thread_ts"].is_string() {
                message["thread_ts"] = body["thread_ts"].clone();
            }
            messages.push((channel.to_owned(), message.clone()));
            Ok(json!({ "ok": true, "channel": channel, "ts": ts, "message": message }))
        }
        "chat.update" => {
            let change = said(&body)?;
            let message = find(&mut messages, channel, &body["ts"])?;
            message["text"] = change["text"].clone();
            message["blocks"] = change["blocks"].clone();
            Ok(json!({ "ok": true, "channel": channel, "ts": body["ts"], "text": body["text"] }))
        }
        "reactions.add" => {
            let message = find(&mut messages, channel, &body["timestamp"])?;
            if !message["reactions"].is_array() {
                message["reactions"] = json!([]);
            }
            let reactions = message["reactions"].as_array_mut().ok_or("fatal_error")?;
            if reactions.iter().any(|reaction| reaction["name"] == body["name"]) {
                return Err("already_reacted");
            }
            reactions.push(json!({ "name": body["name"], "users": ["U1"], "count": 1 }));
            Ok(json!({ "ok": true }))
        }
        "conversations.history" => {
            // A name is not taken here.
            if request.asked("channel") != Some(channel) {
                return Err("channel_not_found");
            }
            let limit = request.asked("limit").unwrap_or("100").parse().map_err(|_| "invalid_arguments")?;
            let newest: Vec<Value> =
                messages.iter().rev().filter(|(at, _)| at == channel).map(|(_, message)| message.clone()).collect();
            let found: Vec<&Value> = newest.iter().take(limit).collect();
            Ok(json!({ "ok": true, "messages": found, "has_more": newest.len() > limit }))
        }
        _ => Err("unknown_method"),
    }
}

/// Returns what a message says.
fn said(body: &Value) -> Result<Value, &'static str> {
    if body["text"].as_str().unwrap_or_default().is_empty() && !body["blocks"].is_array() {
        return Err("no_text");
    }
    Ok(json!({ "text": body["text"], "blocks": body["blocks"] }))
}

fn find<'a>(messages: &'a mut [(String, Value)], channel: &str, ts: &Value) -> Result<&'a mut Value, &'static str> {
    let found = messages.iter_mut().find(|(at, message)| at == channel && message["ts"] == *ts);
    found.map(|(_, message)| message).ok_or("message_not_found")
}
