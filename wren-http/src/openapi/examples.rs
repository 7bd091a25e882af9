//! The examples: those of the plan that Wren was built to, with what Wren adds to them.
//!
//! The plan's `dep_abc123` and `run_xyz789` are ids of no form that Wren gives. A test compares each with the plan's own, and
//! holds it against its schema.

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, RefOr};

/// Puts the examples of an operation into it.
pub(super) fn put(operation: &mut Operation) {
    let Some(id) = operation.operation_id.clone() else { return };
    if let (Some(example), Some(body)) = (request(&id), &mut operation.request_body) {
        body.content.values_mut().for_each(|content| content.example = Some(example.clone()));
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let Some(content) = response.content.get_mut("application/json") else { continue };
        put_answers(content, answers(&id, status));
    }
}

fn put_answers(content: &mut Content, answers: Vec<(&str, Value)>) {
    if answers.len() == 1 {
        content.example = answers.into_iter().next().map(|(_, value)| value);
        return;
    }
    for (name, value) in answers {
        let example = utoipa::openapi::example::ExampleBuilder::new().value(Some(value)).build();
        content.examples.insert(name.to_owned(), RefOr::T(example));
    }
}

fn request(id: &str) -> Option<Value> {
    Some(match id {
        "validate_integrations" => json!({"integrations": ["gmail", "slack"]}),
        "deploy" => json!({
            "script": "<python script content>",
            "metadata": {
                "integrations": ["gmail", "slack"],
                "triggers": [{"type": "schedule", "func": "daily_report", "config": {"cron": "0 9 * * *"}}],
                "schedules": [{"cron": "0 9 * * *", "func_name": "daily_report"}],
            },
            "name": "optional-deployment-name",
        }),
        _ => return None,
    })
}

fn answers(id: &str, status: &str) -> Vec<(&'static str, Value)> {
    match (id, status) {
        ("validate_integrations", "200") => vec![
            ("ready", json!({"valid": true, "warnings": []})),
            (
                "not_ready",
                json!({
                    "valid": false,
                    "errors": [{
                        "type": "UserFacingConfigError",
                        "code": "INTEGRATION_NOT_CONFIGURED",
                        "integration": "gmail",
                        "message": "Gmail integration not configured",
                        "action_url": "https://wrens.ie/integrations/gmail/setup",
                        "docs_url": "https://docs.wrens.ie/integrations/gmail",
                    }],
                }),
            ),
        ],
        ("deploy", "200") => vec![("unchanged", deployed(false))],
        ("deploy", "201") => vec![("changed", deployed(true))],
        ("list_deployments", "200") => vec![(
            "page",
            json!({
                "deployments": [{
                    "id": DEPLOYMENT,
                    "name": "daily_report",
                    "status": "active",
                    "triggers": 2,
                    "last_run": "2024-12-08T09:00:00Z",
                    "next_run": "2024-12-09T09:00:00Z",
                    "created_at": "2024-12-01T10:30:00Z",
                }],
            }),
        )],
        ("list_runs" | "list_runs_of_deployment", "200") => vec![(
            "page",
            json!({
                "runs": [{
                    "run_id": RUN,
                    "deployment_id": DEPLOYMENT,
                    "trigger": "schedule",
                    "status": "success",
                    "started_at": "2024-12-08T09:00:00Z",
                    "completed_at": "2024-12-08T09:00:15Z",
                    "duration_ms": 15000,
                    "logs_url": format!("/v1/runs/{RUN}/logs"),
                    "func": "daily_report",
                    "revision": 1,
                    "trigger_id": "trg_01jek41r40e9q8f5t2v0g1b7ca",
                    "scheduled_for": "2024-12-08T09:00:00Z",
                    "attempt": 1,
                    "correlation_id": "corr_abc123",
                }],
            }),
        )],
        _ => Vec::new(),
    }
}

/// An id of the form that Wren gives, in place of the plan's.
const DEPLOYMENT: &str = "dep_01jek41r40e9q8f5t2v0g1b7c8";
/// An id of the form that Wren gives, in place of the plan's.
const RUN: &str = "run_01jek41r40e9q8f5t2v0g1b7c9";

fn deployed(changed: bool) -> Value {
    json!({
        "deployment_id": DEPLOYMENT,
        "status": "active",
        "triggers_registered": 2,
        "created_at": "2024-12-08T10:30:00Z",
        "next_run": "2024-12-09T09:00:00Z",
        "name": "optional-deployment-name",
        "revision": 1,
        "changed": changed,
    })
}

/// Returns the example of the errors under a status, if there is one.
pub(super) fn error(status: u16) -> Option<Value> {
    (status == wren_core::ErrorCode::OauthTokenExpired.status()).then(error_body)
}

fn error_body() -> Value {
    json!({
        "error": {
            "type": "UserFacingConfigError",
            "code": "OAUTH_TOKEN_EXPIRED",
            "message": "Gmail OAuth token has expired",
            "action_url": "https://wrens.ie/integrations/gmail/reauthorize",
            "correlation_id": "corr_abc123",
        },
    })
}
