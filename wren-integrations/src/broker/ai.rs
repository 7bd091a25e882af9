//! `ai.complete`: a language model's answer, over the integration that the owner has configured.

use serde_json::{Map, Value, json};
use wren_core::host::RunContext;
use wren_core::{Error, ErrorCode, Result};

use super::Broker;
use super::call::{HttpAnswer, invalid, optional_text, text};
use super::failure;
use super::options::{AiOptions, AiProvider};
use super::request::IntegrationRequest;

/// How much of a provider's own words is told.
const MOST: usize = 500;

const JSON_ONLY: &str = "Answer with one JSON value and nothing else: no explanation, no Markdown fence.";

/// What a script asks.
struct Question {
    content: String,
    system: Option<String>,
    model: String,
    /// As the script says.
    max_tokens: Option<u64>,
}

impl Broker {
    pub(super) async fn complete(&self, context: &RunContext, args: &Map<String, Value>) -> Result<Value> {
        let (provider, model) = self.provider(context, optional_text(args, "model")?).await?;
        let question = Question::read(args, model)?;
        let body = match provider {
            AiProvider::Anthropic => question.anthropic(&self.options.ai),
            AiProvider::OpenAi => question.openai(self.is_openai_itself()),
        };
        let path = match provider {
            AiProvider::Anthropic => "/v1/messages",
            AiProvider::OpenAi => "/v1/chat/completions",
        };
        // A model thinks longer than other services do.
        let request = IntegrationRequest::new(provider.integration(), "POST", path)
            .with_json(&body)
            .with_timeout(self.options.max_timeout);
        let answer = self.ask(context, &request, "ai.complete").await?;
        let title = self.catalogue.find(provider.integration()).map_or("the model", |spec| spec.title.as_str());
        if !(200..300).contains(&answer.status) {
            return Err(refused(provider, title, &answer));
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let said = match provider {
            AiProvider::Anthropic => anthropic_text(&body),
            AiProvider::OpenAi => body["choices"][0]["message"]["content"].as_str().map(str::to_owned),
        };
        match said {
            Some(said) => Ok(json!({"text": said})),
            None => Err(wordless(title, &body)),
        }
    }

    /// Chooses who answers, and the model. A model's name may begin with the provider's, `openai/…` say.
    async fn provider(&self, context: &RunContext, model: Option<&str>) -> Result<(AiProvider, String)> {
        let ai = &self.options.ai;
        if let Some((name, model)) = model.and_then(|model| model.split_once('/'))
            && let Some(provider) = ai.order.iter().find(|provider| provider.integration() == name)
        {
            return Ok((*provider, model.to_owned()));
        }
        for provider in &ai.order {
            let name = provider.integration();
            if self.catalogue.find(name).is_some()
                && self.vault.status(&context.owner, name, self.clock.now()).await?.is_some()
            {
                return Ok((*provider, model.unwrap_or(ai.model(*provider)).to_owned()));
            }
        }
        let names: Vec<&str> = ai.order.iter().map(|provider| provider.integration()).collect();
        let first = names.first().copied().unwrap_or("ai");
        let error = match self.directory.find(first) {
            Some(integration) => self.directory.not_configured(integration),
            None => self.directory.without_credential(first),
        };
        let hint = format!("wren.ai needs one of these integrations: {}", names.join(", "));
        // Any of them ends the wait of a parked deployment.
        Err(error.with_hint(hint).with_detail("integrations", names))
    }

    /// Says whether `openai` is OpenAI, and not another server that speaks its protocol.
    fn is_openai_itself(&self) -> bool {
        let spec = self.catalogue.find(AiProvider::OpenAi.integration());
        spec.is_some_and(|spec| spec.origins.iter().any(|origin| origin.to_string() == "https://api.openai.com"))
    }
}

impl Question {
    fn read(args: &Map<String, Value>, model: String) -> Result<Self> {
        let prompt = text(args, "prompt")?;
        if prompt.trim().is_empty() {
            return Err(invalid("the prompt is empty"));
        }
        let content = match args.get("input").unwrap_or(&Value::Null) {
            Value::Null => prompt.to_owned(),
            Value::String(input) => format!("{prompt}\n\n<input>\n{input}\n</input>"),
            input => format!("{prompt}\n\n<input>\n{input:#}\n</input>"),
        };
        let max_tokens = match args.get("max_tokens").unwrap_or(&Value::Null) {
            Value::Null => None,
            value => match value.as_u64() {
                Some(tokens) if tokens > 0 => Some(tokens),
                _ => return Err(invalid("`max_tokens` is not a whole number above 0")),
            },
        };
        let system = optional_text(args, "system")?.unwrap_or_default();
        let json = match args.get("json").unwrap_or(&Value::Null) {
            Value::Null | Value::Bool(false) => "",
            Value::Bool(true) => JSON_ONLY,
            _ => return Err(invalid("`json` is not true or false")),
        };
        let system = [system, json].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
        let system = if system.is_empty() { None } else { Some(system) };
        Ok(Self { content, system, model, max_tokens })
    }

    fn anthropic(&self, options: &AiOptions) -> Value {
        let mut body = json!({
            "model": self.model,
            "max_tokens": self.max_tokens.unwrap_or(options.max_tokens.into()),
            "messages": [{"role": "user", "content": self.content}],
        });
        if let Some(system) = &self.system {
            body["system"] = json!(system);
        }
        body
    }

    fn openai(&self, itself: bool) -> Value {
        let system = self.system.iter().map(|system| json!({"role": "system", "content": system}));
        let messages: Vec<Value> = system.chain([json!({"role": "user", "content": self.content})]).collect();
        let mut body = json!({"model": self.model, "messages": messages});
        if let Some(tokens) = self.max_tokens {
            // OpenAI's newer models refuse the old name; other servers know nothing else.
            body[if itself { "max_completion_tokens" } else { "max_tokens" }] = json!(tokens);
        }
        body
    }
}

fn anthropic_text(body: &Value) -> Option<String> {
    let parts = body["content"].as_array()?;
    let texts: Vec<&str> =
        parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect();
    if texts.is_empty() { None } else { Some(texts.concat()) }
}

/// Makes the error for an answer without a text.
fn wordless(title: &str, body: &Value) -> Error {
    let message = &body["choices"][0]["message"];
    if body["stop_reason"] == "refusal" || message["refusal"].is_string() {
        return invalid(format!("{title}'s model refuses to answer")).with_hint("change the prompt or the input");
    }
    if body["stop_reason"] == "max_tokens" || body["choices"][0]["finish_reason"] == "length" {
        return invalid(format!("{title}'s model used up its tokens before it answered"))
            .with_hint("raise `max_tokens`");
    }
    failure::upstream("answer", format!("{title} answered without a text"))
}

/// Makes the error for a request that the provider refused. The answer has been through the redactor by now.
fn refused(provider: AiProvider, title: &str, answer: &HttpAnswer) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let says = body["error"]["message"].as_str().or(body["message"].as_str()).unwrap_or_default();
    let says: String = says.chars().take(MOST).collect();
    let because =
        |what: &str| if says.is_empty() { format!("{title} {what}") } else { format!("{title} {what}: {says}") };
    // OpenAI says with the same status that there is no money left, which no waiting mends.
    let is_used_up = body["error"]["code"] == "insufficient_quota" || body["error"]["type"] == "insufficient_quota";
    let error = match answer.status {
        402 => Error::new(ErrorCode::QuotaExceeded, because("wants to be paid")),
        429 if is_used_up => Error::new(ErrorCode::QuotaExceeded, because("says that the quota is used up")),
        429 => Error::new(ErrorCode::RateLimited, because("limits how often it is asked")).with_hint("ask again later"),
        503 | 529 => Error::new(ErrorCode::RateLimited, because("is overloaded")).with_hint("ask again later"),
        403 => Error::new(ErrorCode::PermissionDenied, because("does not allow this")),
        500.. => failure::upstream("answer", because("had a fault")),
        status => invalid(because(&format!("refused the request with status {status}"))),
    };
    let error = error.with_detail("integration", provider.integration()).with_detail("status", answer.status);
    failure::with_retry_after(error, answer)
}
