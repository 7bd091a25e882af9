//! What a script says of its rules, as the deploy pipeline hears it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use wren_core::deploy::{DeployRules, Examination, check, parse};
use wren_core::model::{Trigger, TriggerKind};
use wren_core::source::{EventSink, Preview, PreviewOptions, TriggerSource, Watched};
use wren_core::{Error, ErrorCode, Result};
use wren_trigger_email::Filter;

/// A source that reads rules, and has no mailbox.
#[derive(Debug)]
struct Rules;

#[async_trait]
impl TriggerSource for Rules {
    fn health(&self) -> Vec<wren_core::source::AccountHealth> {
        Vec::new()
    }

    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    async fn preview(&self, _: PreviewOptions) -> Option<Vec<Preview>> {
        None
    }

    fn validate(&self, config: &Map<String, Value>) -> Vec<Error> {
        Filter::parse(config).err().unwrap_or_default()
    }

    async fn watched(&self, _: &Trigger) -> Result<Option<Watched>> {
        Ok(None)
    }

    async fn run(&self, _: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
        shutdown.cancelled().await;
        Ok(())
    }
}

fn examine(decorator: &str) -> Examination {
    let mut rules = DeployRules::new(Vec::new());
    rules.sources.push(Arc::new(Rules));
    let script = format!("import wren\n\n{decorator}\ndef f(email): ...\n");
    let now = "2026-06-01T12:00:00Z".parse().expect("an instant");
    check(parse(script.as_bytes(), &rules), None, None, &rules, now)
}

#[test]
fn all_rules_of_the_sdk_can_be_deployed() {
    for decorator in [
        "@wren.on_email",
        "@wren.on_email()",
        "@wren.on_email(subject='invoice', from_='*@acme.com', retries=3, timeout='5m')",
        "@wren.on_email(to=['a@x.org', 'b@x.org'], body=r're:\\bpaid\\b', has_attachment=True, mailbox='INBOX')",
        "@wren.on_email(any=[{'from_': '*@acme.com'}, {'not': {'subject': 'draft'}}], not_=[{'body': 'spam'}])",
    ] {
        let examination = examine(decorator);
        assert!(examination.diagnostics.is_empty(), "{decorator}: {:?}", examination.diagnostics);
        let config = &examination.manifest.triggers[0].config;
        assert!(Filter::parse(&own(config)).is_ok(), "{decorator}: {config:?}");
    }
}

/// Leaves out what the pipeline reads itself.
fn own(config: &Map<String, Value>) -> Map<String, Value> {
    let own = config.iter().filter(|(key, _)| !["retries", "timeout"].contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[test]
fn each_fault_of_a_rule_is_located_in_the_script() {
    let examination =
        examine("@wren.on_email(subject='(', frm='x@y.z', any=[{'to': 7}], from_='acme.com', retries=-1)");
    let found: Vec<(ErrorCode, u32, &str)> = examination.diagnostics.iter().map(located).collect();
    assert_eq!(
        found,
        [
            (ErrorCode::InvalidFilter, 24, "subject is no expression: unclosed group"),
            (ErrorCode::InvalidFilter, 33, "frm is no rule of on_email"),
            (ErrorCode::InvalidFilter, 46, "any[0].to must be a string, or a list of strings, not `7`"),
            (ErrorCode::InvalidFilter, 65, "from `acme.com` is no address, and is compared with whole addresses"),
            (ErrorCode::InvalidMetadata, 85, "retries must be a whole number from 0 to 100, not `-1`"),
        ]
    );
    let hints: Vec<&str> = examination.diagnostics.iter().filter_map(Error::hint).collect();
    assert!(hints.contains(&"did you mean `from`?") && hints.contains(&"did you mean `*@acme.com`?"), "{hints:?}");
}

fn located(error: &Error) -> (ErrorCode, u32, &str) {
    let column = error.location().and_then(|location| location.column);
    (error.code(), column.unwrap_or_default(), error.message())
}
