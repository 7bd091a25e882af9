//! The pipeline as a caller sees it: broken scripts go in, diagnostics come out.

mod believed;
mod broken;
mod damaged;
mod hostile;
mod imported;
mod measured;
mod settings;
mod sound;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{DeployMetadata, DeployRules, Examination, check, examine, parse};
use crate::error::{Error, ErrorCode, Result};
use crate::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, Script};
use crate::host::RunHost;
use crate::model::{Isolation, Trigger, TriggerKind};
use crate::source::{AccountHealth, EventSink, Preview, PreviewOptions, TriggerSource, Watched};

/// An executor whose imports show what the test says.
#[derive(Debug, Default)]
struct CannedExecutor {
    inspection: Inspection,
    /// Ends `inspect` with an error of the platform.
    broken: bool,
    asked: parking_lot::Mutex<Vec<Limits>>,
}

#[async_trait]
impl Executor for CannedExecutor {
    fn name(&self) -> &str {
        "canned"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "canned".to_owned(), tier: "none".to_owned() }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn inspect(&self, _: &Script, limits: &Limits) -> Result<Inspection> {
        self.asked.lock().push(*limits);
        if self.broken {
            return Err(Error::new(ErrorCode::ExecutorUnavailable, "no namespaces here"));
        }
        Ok(self.inspection.clone())
    }

    async fn run(&self, _: Invocation, _: RunHost, _: Arc<dyn LogSink>, _: CancellationToken) -> Result<Outcome> {
        Err(Error::new(ErrorCode::ExecutorUnavailable, "inspects only"))
    }
}

/// A source that knows one argument.
#[derive(Debug)]
struct MailSource;

#[async_trait]
impl TriggerSource for MailSource {
    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    fn validate(&self, config: &Map<String, Value>) -> Vec<Error> {
        let unknown = config.keys().filter(|key| *key != "subject" && *key != "from");
        unknown
            .map(|key| {
                Error::new(ErrorCode::InvalidFilter, format!("unknown filter `{key}`"))
                    .with_hint("the rules are `subject` and `from`")
                    .with_detail("argument", key.as_str())
            })
            .collect()
    }

    async fn watched(&self, _: &Trigger) -> Result<Option<Watched>> {
        Ok(None)
    }

    fn health(&self) -> Vec<AccountHealth> {
        Vec::new()
    }

    async fn preview(&self, _: PreviewOptions) -> Option<Vec<Preview>> {
        None
    }

    async fn run(&self, _: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
        shutdown.cancelled().await;
        Ok(())
    }
}

fn now() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn rules_with(executor: CannedExecutor) -> (DeployRules, Arc<CannedExecutor>) {
    let executor = Arc::new(executor);
    let mut rules = DeployRules::new(vec![Arc::clone(&executor) as Arc<dyn Executor>]);
    rules.sources.push(Arc::new(MailSource));
    (rules, executor)
}

fn rules() -> DeployRules {
    rules_with(CannedExecutor::default()).0
}

/// Examines without importing.
fn examine_text(script: &str) -> Examination {
    let rules = rules();
    check(parse(script.as_bytes(), &rules), None, None, &rules, now())
}

async fn examine_with(script: &str, inspection: Value, metadata: Option<Value>) -> Examination {
    let inspection = serde_json::from_value(inspection).unwrap();
    let metadata: Option<DeployMetadata> = metadata.map(|value| serde_json::from_value(value).unwrap());
    let (rules, _) = rules_with(CannedExecutor { inspection, ..CannedExecutor::default() });
    examine(script.as_bytes(), metadata.as_ref(), &rules, now()).await.unwrap()
}

/// A finding as a table states it: code, line, column, and words of the message and hint.
type Expected = (&'static str, u32, u32, &'static str);

fn assert_findings(name: &str, examination: &Examination, expected: &[Expected]) {
    let found: Vec<String> = examination.diagnostics.iter().map(show).collect();
    assert_eq!(found.len(), expected.len(), "{name}: {found:#?}");
    for ((error, shown), (code, line, column, words)) in examination.diagnostics.iter().zip(&found).zip(expected) {
        let place = error.location().map_or((0, 0), |place| (place.line, place.column.unwrap_or_default()));
        assert_eq!((error.code().as_str(), place), (*code, (*line, *column)), "{name}: {found:#?}");
        assert!(shown.contains(words), "{name}: `{words}` is not in {shown}");
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{name}: no hint in {shown}");
    }
}

fn show(error: &Error) -> String {
    let place = error.location().map_or((0, 0), |place| (place.line, place.column.unwrap_or_default()));
    format!("{} {}:{} {}; {}", error.code(), place.0, place.1, error.message(), error.hint().unwrap_or("-"))
}

fn trigger(kind: &str, func: &str, line: u32, config: Value) -> Value {
    json!({"type": kind, "func": func, "line": line, "config": config})
}
