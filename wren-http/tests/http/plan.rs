//! The plan's own examples, as they stand in it, and that those of the document are the same.

use serde_json::{Value, json};

use crate::support::contract::{document, resolved};

/// Returns an operation's examples: of its body, then of an answer.
fn examples(path: &str, method: &str, status: &str) -> (&'static Value, Vec<&'static Value>) {
    let operation = &document()["paths"][path][method];
    let content = &resolved(&operation["responses"][status])["content"]["application/json"];
    let named = content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
    (
        &operation["requestBody"]["content"]["application/json"]["example"],
        content.get("example").into_iter().chain(named).collect(),
    )
}

/// Refuses an example that lacks something of the plan's. Ids are of the form that Wren gives them, and Wren's answers say more.
#[track_caller]
fn expect_the_plan_s(plan: &Value, example: &Value) {
    match (plan, example) {
        (Value::Object(plan), Value::Object(example)) => {
            for (key, value) in plan {
                expect_the_plan_s(value, example.get(key).unwrap_or_else(|| panic!("{key} is missing")));
            }
        }
        (Value::Array(plan), Value::Array(example)) if plan.len() == example.len() => {
            plan.iter().zip(example).for_each(|(plan, example)| expect_the_plan_s(plan, example));
        }
        (Value::String(plan), Value::String(example)) => {
            let ids =
                [("dep_abc123", "dep_01jek41r40e9q8f5t2v0g1b7c8"), ("run_xyz789", "run_01jek41r40e9q8f5t2v0g1b7c9")];
            let plan = ids.iter().fold(plan.clone(), |text, (theirs, ours)| text.replace(theirs, ours));
            assert_eq!(plan, *example);
        }
        _ => assert_eq!(plan, example),
    }
}

#[test]
fn a_validation_is_the_plan_s() {
    let (request, answers) = examples("/v1/integrations/validate", "post", "200");
    expect_the_plan_s(&json!({"integrations": ["gmail", "slack"]}), request);
    let ready = json!({"valid": true, "warnings": []});
    let failure = json!({
        "valid": false,
        "errors": [
            {
                "type": "UserFacingConfigError",
                "code": "INTEGRATION_NOT_CONFIGURED",
                "integration": "gmail",
                "message": "Gmail integration not configured",
                "action_url": "https://wrens.ie/integrations/gmail/setup",
                "docs_url": "https://docs.wrens.ie/integrations/gmail"
            }
        ]
    });
    // Nothing is added to these two.
    assert!(answers.contains(&&ready) && answers.contains(&&failure), "{answers:?}");
}

#[test]
fn a_deploy_is_the_plan_s() {
    let (request, answers) = examples("/v1/scripts/deploy", "post", "201");
    let plan = json!({
        "script": "<python script content>",
        "metadata": {
            "integrations": ["gmail", "slack"],
            "triggers": [
                {"type": "schedule", "func": "daily_report", "config": {"cron": "0 9 * * *"}}
            ],
            "schedules": [{"cron": "0 9 * * *", "func_name": "daily_report"}]
        },
        "name": "optional-deployment-name"
    });
    assert_eq!(plan, *request);
    let plan = json!({
        "deployment_id": "dep_abc123",
        "status": "active",
        "triggers_registered": 2,
        "created_at": "2024-12-08T10:30:00Z",
        "next_run": "2024-12-09T09:00:00Z"
    });
    expect_the_plan_s(&plan, answers[0]);
}

#[test]
fn a_list_of_deployments_is_the_plan_s() {
    let plan = json!({
        "deployments": [
            {
                "id": "dep_abc123",
                "name": "daily_report",
                "status": "active",
                "triggers": 2,
                "last_run": "2024-12-08T09:00:00Z",
                "next_run": "2024-12-09T09:00:00Z",
                "created_at": "2024-12-01T10:30:00Z"
            }
        ]
    });
    expect_the_plan_s(&plan, examples("/v1/deployments", "get", "200").1[0]);
}

#[test]
fn a_list_of_runs_is_the_plan_s() {
    let plan = json!({
        "runs": [
            {
                "run_id": "run_xyz789",
                "deployment_id": "dep_abc123",
                "trigger": "schedule",
                "status": "success",
                "started_at": "2024-12-08T09:00:00Z",
                "completed_at": "2024-12-08T09:00:15Z",
                "duration_ms": 15000,
                "logs_url": "/v1/runs/run_xyz789/logs"
            }
        ]
    });
    for path in ["/v1/runs", "/v1/deployments/{id}/runs"] {
        expect_the_plan_s(&plan, examples(path, "get", "200").1[0]);
    }
}

#[test]
fn an_error_is_the_plan_s() {
    let plan = json!({
        "error": {
            "type": "UserFacingConfigError",
            "code": "OAUTH_TOKEN_EXPIRED",
            "message": "Gmail OAuth token has expired",
            "action_url": "https://wrens.ie/integrations/gmail/reauthorize",
            "correlation_id": "corr_abc123"
        }
    });
    assert_eq!(examples("/v1/scripts/deploy", "post", "409").1, [&plan]);
}
