//! What Gmail answers.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use super::super::http::{Reply, Request};
use super::ADDRESS;
use super::message::parse;
use super::state::{Mail, OWN, State};

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    let Some(path) = request.path.strip_prefix("/gmail/v1/users/me/") else { return not_found() };
    let path: Vec<&str> = path.split('/').collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["profile"]) => {
            Reply::json(&json!({ "emailAddress": ADDRESS, "messagesTotal": state.mails.len(), "historyId": "1" }))
        }
        ("GET", ["messages"]) => list(state, request),
        ("GET", ["messages", id]) => state.find(id).map_or_else(not_found, |mail| read(mail, request)),
        ("GET", ["messages", id, "attachments", part]) => attachment(state, id, part),
        ("POST", ["messages", "send"]) => send(state, &request.json()),
        ("POST", ["messages", id, "modify"]) => modify(state, id, &request.json()),
        ("GET", ["labels"]) => {
            let own = OWN.iter().map(|name| json!({ "id": name, "name": name, "type": "system" }));
            let users = state.labels.iter().map(|(id, name)| json!({ "id": id, "name": name, "type": "user" }));
            Reply::json(&json!({ "labels": own.chain(users).collect::<Vec<Value>>() }))
        }
        ("POST", ["labels"]) => make_label(state, &request.json()),
        _ => not_found(),
    }
}

/// A page of ids, the newest first. A page's token is how many there were before it.
fn list(state: &State, request: &Request) -> Reply {
    let Ok(most) = request.asked("maxResults").unwrap_or("100").parse::<usize>() else {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Invalid value for maxResults");
    };
    let Ok(from) = request.asked("pageToken").unwrap_or("0").parse::<usize>() else {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Invalid pageToken");
    };
    let size = most.clamp(1, 500).min(state.page);
    let matches = |mail: &&Mail| {
        request.every("labelIds").all(|label| mail.labels.iter().any(|has| has == label))
            && request.asked("q").is_none_or(|query| is_found(mail, query))
    };
    let found: Vec<&Mail> = state.mails.iter().rev().filter(matches).collect();
    let mut body = json!({ "resultSizeEstimate": found.len() });
    let page: Vec<Value> =
        found.iter().skip(from).take(size).map(|mail| json!({ "id": mail.id, "threadId": mail.thread })).collect();
    // Gmail leaves an empty list out.
    if !page.is_empty() {
        body["messages"] = page.into();
    }
    if found.len() > from + size {
        body["nextPageToken"] = (from + size).to_string().into();
    }
    Reply::json(&body)
}

/// Searches in as much of Gmail's language as tests speak.
fn is_found(mail: &Mail, query: &str) -> bool {
    let holds = |name: &str, text: &str| {
        mail.parsed.header(name).unwrap_or_default().to_lowercase().contains(&text.to_lowercase())
    };
    query.replace(['(', ')'], " ").split_whitespace().all(|word| match word.split_once(':') {
        Some(("is", "unread")) => mail.labels.iter().any(|label| label == "UNREAD"),
        Some(("-is", "unread")) => !mail.labels.iter().any(|label| label == "UNREAD"),
        Some(("from", text)) => holds("From", text),
        Some(("subject", text)) => holds("Subject", text),
        _ => holds("Subject", word) || mail.parsed.snippet.contains(word),
    })
}

fn read(mail: &Mail, request: &Request) -> Reply {
    let mut body = json!({
        "id": mail.id,
        "threadId": mail.thread,
        "labelIds": mail.labels,
        "snippet": mail.parsed.snippet,
        "internalDate": mail.received.to_string(),
        "historyId": "1",
        "sizeEstimate": 1000,
    });
    let payload = &mail.parsed.payload;
    match request.asked("format").unwrap_or("full") {
        "full" => body["payload"] = payload.clone(),
        "metadata" => {
            let wanted: Vec<&str> = request.every("metadataHeaders").collect();
            let headers = payload["headers"].as_array().unwrap().iter().filter(|header| {
                let name = header["name"].as_str().unwrap();
                wanted.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
            });
            let headers: Vec<&Value> = headers.collect();
            body["payload"] = json!({ "mimeType": payload["mimeType"], "headers": headers });
        }
        "minimal" => {}
        _ => return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Invalid value for format"),
    }
    Reply::json(&body)
}

fn attachment(state: &State, id: &str, part: &str) -> Reply {
    let found = state.find(id).and_then(|mail| mail.parsed.attachments.iter().find(|(id, _)| id == part));
    match found {
        Some((_, bytes)) => Reply::json(&json!({ "size": bytes.len(), "data": URL_SAFE.encode(bytes) })),
        None => refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Invalid attachment token"),
    }
}

fn send(state: &mut State, body: &Value) -> Reply {
    let raw = body["raw"].as_str().and_then(|raw| URL_SAFE.decode(raw).ok()).filter(|raw| !raw.is_empty());
    let Some(raw) = raw else {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "'raw' RFC822 payload message string is required");
    };
    if !parse(&raw).has_recipients() {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Recipient address required");
    }
    let thread = body["threadId"].as_str();
    if thread.is_some_and(|thread| state.mails.iter().all(|mail| mail.thread != thread)) {
        return not_found();
    }
    let sent = state.send(&raw, thread);
    Reply::json(&json!({ "id": sent.id, "threadId": sent.thread_id, "labelIds": ["SENT"] }))
}

fn modify(state: &mut State, id: &str, body: &Value) -> Reply {
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    let (add, remove) = (list("addLabelIds"), list("removeLabelIds"));
    if add.is_empty() && remove.is_empty() {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "No label add or removes specified");
    }
    if add.iter().any(|label| remove.contains(label)) {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Cannot both add and remove the same label");
    }
    if let Some(label) = add.iter().chain(&remove).find(|label| !state.has_label(label)) {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", &format!("Invalid label: {label}"));
    }
    let Some(mail) = state.mails.iter_mut().find(|mail| mail.id == id) else { return not_found() };
    mail.labels.retain(|label| !remove.iter().any(|removed| removed == label.as_str()));
    for label in add.iter().filter_map(Value::as_str) {
        if !mail.labels.iter().any(|has| has == label) {
            mail.labels.push(label.to_owned());
        }
    }
    Reply::json(&json!({ "id": mail.id, "threadId": mail.thread, "labelIds": mail.labels }))
}

fn make_label(state: &mut State, body: &Value) -> Reply {
    let Some(name) = body["name"].as_str().filter(|name| !name.is_empty()) else {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Invalid label name");
    };
    if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return refusal(400, "invalidArgument", "INVALID_ARGUMENT", "Invalid label name");
    }
    if state.labels.iter().any(|(_, other)| other.to_lowercase() == name.to_lowercase()) {
        return refusal(409, "aborted", "ABORTED", "Label name exists or conflicts");
    }
    let id = state.make_label(name).to_owned();
    Reply::json(&json!({ "id": id, "name": name, "type": "user" }))
}

fn not_found() -> Reply {
    refusal(404, "notFound", "NOT_FOUND", "Requested entity was not found.")
}

/// The answer to a token that is none.
pub(super) fn unauthenticated() -> Reply {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                   valid authentication credential.";
    refusal(401, "authError", "UNAUTHENTICATED", message)
}

fn refusal(code: u16, reason: &str, status: &str, message: &str) -> Reply {
    let errors = json!([{ "message": message, "domain": "global", "reason": reason }]);
    let error = json!({ "code": code, "message": message, "errors": errors, "status": status });
    Reply::new(code, json!({ "error": error }).to_string())
}
