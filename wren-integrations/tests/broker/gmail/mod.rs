//! What the SDK's `gmail` asks, in front of a mailbox that speaks Gmail's REST API.

mod faults;
mod labels;
mod reading;
mod sending;

use serde_json::{Value, json};
use wren_conformance::services::Gmail;
use wren_core::{ErrorCode, Result};

use crate::support::{CANARY, Script, Setup};

/// A mailbox, and a script that may use it.
struct Mailbox {
    gmail: Gmail,
    script: Script,
}

impl Mailbox {
    async fn open() -> Self {
        let gmail = Gmail::start(CANARY);
        let setup = Setup::new(&[]).private(&gmail.url()).at_url("gmail", &gmail.url());
        Self { script: setup.with_secret("gmail", CANARY).await.script(), gmail }
    }

    async fn call(&self, action: &str, args: Value) -> Result<Value> {
        let request = json!({"integration": "gmail", "action": action, "args": args});
        self.script.ask("integration.call", request).await.map(|answer| answer.0)
    }

    /// Returns the subjects in the inbox.
    async fn subjects(&self, args: Value) -> Vec<String> {
        let found = self.call("inbox", args).await.unwrap();
        let subject = |email: &Value| email["subject"].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(subject).collect()
    }

    /// Asserts that a call is refused before anything is asked of Gmail, for an argument.
    async fn refuses(&self, action: &str, args: Value, argument: &str) {
        let shown = args.to_string();
        let before = self.gmail.requests().len();
        let error = self.call(action, args).await.expect_err(&shown);
        assert_eq!(error.code(), ErrorCode::InvalidRequest, "{shown}: {error}");
        assert_eq!(error.details().get("argument"), Some(&json!(argument)), "{shown}: {error}");
        assert_eq!(self.gmail.requests().len(), before, "{shown}");
    }
}

/// An email of a line.
fn mail(from: &str, subject: &str, text: &str) -> String {
    format!("From: {from}\r\nTo: me@example.com\r\nSubject: {subject}\r\n\r\n{text}\r\n")
}
