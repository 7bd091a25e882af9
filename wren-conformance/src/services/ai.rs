//! Language models: OpenAI's chat completions (<https://platform.openai.com/docs/api-reference/chat>) and Anthropic's Messages
//! (<https://docs.anthropic.com/en/api/messages>).

use serde_json::{Value, json};

use super::http::{Reply, Request, Server};

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The model.
    pub model: String,
    /// What the system says before, empty when it says nothing.
    pub system: String,
    /// What the user says, in the last of the messages.
    pub prompt: String,
}

/// A server of both protocols, whose model is a function.
#[derive(Debug)]
pub struct Ai {
    server: Server,
}

impl Ai {
    /// Starts a server that one key opens, and that answers by a function.
    #[must_use]
    pub fn start(key: &str, model: impl Fn(&Question) -> String + Send + Sync + 'static) -> Self {
        let key = key.to_owned();
        let server = Server::start(move |request| match request.path.as_str() {
            "/v1/chat/completions" if !request.bears(&key) => {
                openai_refuses(401, "invalid_api_key", "Incorrect API key provided.")
            }
            "/v1/chat/completions" => openai(request, &model),
            "/v1/messages" if request.header("x-api-key") != Some(key.as_str()) => {
                anthropic_refuses(401, "authentication_error", "invalid x-api-key")
            }
            "/v1/messages" => anthropic(request, &model),
            "/v1/models" => Reply::json(&json!({ "object": "list", "data": [] })),
            _ => openai_refuses(404, "unknown_url", "Unknown request URL."),
        });
        Self { server }
    }

    /// Starts a server whose model repeats what it is asked.
    #[must_use]
    pub fn start_echo(key: &str) -> Self {
        Self::start(key, |question| question.prompt.clone())
    }

    /// Returns where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
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

fn openai(request: &Request, model: &dyn Fn(&Question) -> String) -> Reply {
    let body = request.json();
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said =
        |role: &str| messages.iter().rev().find(|message| message["role"] == role).map(|message| &message["content"]);
    let (Some(name), Some(prompt)) = (body["model"].as_str(), said("user").and_then(Value::as_str)) else {
        return openai_refuses(400, "invalid_value", "The request needs a model and messages.");
    };
    let system = said("system").and_then(Value::as_str).unwrap_or_default();
    let question = Question { model: name.to_owned(), system: system.to_owned(), prompt: prompt.to_owned() };
    let answer = model(&question);
    Reply::json(&json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": name,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": answer, "refusal": null },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    }))
}

fn openai_refuses(status: u16, code: &str, message: &str) -> Reply {
    let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": code });
    Reply::new(status, json!({ "error": error }).to_string())
}

fn anthropic(request: &Request, model: &dyn Fn(&Question) -> String) -> Reply {
    if request.header("anthropic-version").is_none() {
        return anthropic_refuses(400, "invalid_request_error", "anthropic-version: header is required");
    }
    let body = request.json();
    let last = body["messages"].as_array().and_then(|messages| messages.last());
    let prompt = last.filter(|message| message["role"] == "user").and_then(|message| message["content"].as_str());
    let (Some(name), Some(prompt), Some(_)) = (body["model"].as_str(), prompt, body["max_tokens"].as_u64()) else {
        return anthropic_refuses(400, "invalid_request_error", "model, max_tokens, messages: Field required");
    };
    let system = body["system"].as_str().unwrap_or_default();
    let question = Question { model: name.to_owned(), system: system.to_owned(), prompt: prompt.to_owned() };
    let answer = model(&question);
    Reply::json(&json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": name,
        "content": [{ "type": "text", "text": answer }],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    }))
}

fn anthropic_refuses(status: u16, kind: &str, message: &str) -> Reply {
    let error = json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" });
    Reply::new(status, error.to_string())
}
