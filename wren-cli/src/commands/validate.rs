//! `wren validate`: what a script declares, and whether the platform has what it needs.

use chrono::{DateTime, Local, Utc};
use serde_json::{Value, json};
use wren_core::model::{Manifest, TriggerSpec};
use wren_integrations::Catalogue;

use super::local::{LocalScript, found};
use crate::args::{GlobalArgs, ValidateArgs};
use crate::client::Client;
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::style::harmless;
use crate::output::time::{coming, rfc3339};
use crate::wire::IntegrationsReply;

/// How many coming due times are shown.
const SHOWN_FIRES: usize = 3;

/// Validates a script.
pub(super) async fn validate(args: ValidateArgs, global: &GlobalArgs, output: Output) -> Result<(), Failure> {
    let script = LocalScript::read(&args.file.file)?;
    let examination = script.examine().await?;
    let now = Utc::now();
    show_manifest(&examination.manifest, now, output);
    if let Some(problem) = found(&examination.diagnostics) {
        return Err(script.blame(problem));
    }
    let mut document = manifest_document(&examination.manifest, now);
    if args.remote {
        let client = super::client(global, output)?;
        document["remote"] = remote(&examination.manifest.integrations, &client, output).await?;
    }
    output.document(&document);
    Ok(())
}

fn show_manifest(manifest: &Manifest, now: DateTime<Utc>, output: Output) {
    let listed = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    output.line(format_args!("Integrations: {}", harmless(&listed(&manifest.integrations))));
    output.line(format_args!("Functions: {}", harmless(&listed(&manifest.functions))));
    if manifest.triggers.is_empty() {
        output.line("Triggers: none");
    } else {
        output.line("Triggers:");
    }
    for trigger in &manifest.triggers {
        let config = Value::Object(trigger.config.clone()).to_string();
        let head = format!("  {} {}", trigger.kind.as_str(), trigger.func);
        output.line(format_args!("{} {}", harmless(&head), harmless(&config)));
        for at in fires(trigger, now) {
            output.line(format_args!("    next: {} ({})", coming(at, now, &Local), rfc3339(at)));
        }
    }
}

fn fires(trigger: &TriggerSpec, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let Some(config) = &trigger.schedule else { return Vec::new() };
    config.schedule.upcoming(now).take(SHOWN_FIRES).collect()
}

fn manifest_document(manifest: &Manifest, now: DateTime<Utc>) -> Value {
    let triggers: Vec<Value> = manifest
        .triggers
        .iter()
        .map(|trigger| {
            let next: Vec<String> = fires(trigger, now).into_iter().map(rfc3339).collect();
            json!({"type": trigger.kind.as_str(), "func": trigger.func, "config": trigger.config, "next": next})
        })
        .collect();
    json!({
        "valid": true,
        "integrations": manifest.integrations,
        "functions": manifest.functions,
        "triggers": triggers,
        "settings": manifest.settings,
    })
}

/// Asks the platform about the integrations; returns its answer as it came.
async fn remote(integrations: &[String], client: &Client, output: Output) -> Result<Value, Failure> {
    let body = json!({"integrations": integrations});
    let answer: Value = client.post("/v1/integrations/validate", &body).await?;
    let reply: IntegrationsReply = serde_json::from_value(answer.clone())
        .unwrap_or(IntegrationsReply { errors: Vec::new(), warnings: Vec::new() });
    let titles = Catalogue::built_in()?;
    for name in integrations {
        let title = titles.find(name).map_or(name.as_str(), |integration| integration.title.as_str());
        let wrong = reply.errors.iter().any(|error| concerns(error, name));
        if wrong {
            output.failed(format_args!("{} not ready", harmless(title)));
        } else {
            output.done(format_args!("{} configured", harmless(title)));
        }
    }
    if integrations.is_empty() {
        output.done("No integrations needed");
    }
    for warning in &reply.warnings {
        let text = warning.as_str().map_or_else(|| warning.to_string(), str::to_owned);
        output.remark(harmless(&text));
    }
    match Problem::gather(reply.errors) {
        Some(problem) => Err(problem.into()),
        None => Ok(answer),
    }
}

/// Says whether an error is about an integration: the spec's answer names it beside the message.
fn concerns(error: &Problem, name: &str) -> bool {
    let named = error.other.get("integration").or_else(|| error.details.get("integration"));
    named.and_then(Value::as_str) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specs_answer_is_understood() {
        let reply: IntegrationsReply = serde_json::from_value(json!({
            "valid": false,
            "errors": [{
                "type": "UserFacingConfigError", "code": "INTEGRATION_NOT_CONFIGURED", "integration": "gmail",
                "message": "Gmail integration not configured", "action_url": "https://wrens.ie/integrations/gmail/setup",
                "docs_url": "https://docs.wrens.ie/integrations/gmail"
            }]
        }))
        .unwrap();
        assert!(concerns(&reply.errors[0], "gmail") && !concerns(&reply.errors[0], "slack"));
        let problem = Problem::gather(reply.errors).unwrap();
        assert_eq!(problem.exit_code(), 3);
        assert_eq!(problem.findings()[0].action_url.as_deref(), Some("https://wrens.ie/integrations/gmail/setup"));
    }
}
