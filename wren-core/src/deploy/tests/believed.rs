//! What the sender believes, against what the script says.

use super::*;

const DAILY: &str = "import wren\nfrom wren import gmail\n\n@wren.on_schedule('0 9 * * *')\ndef daily(): ...\n";

#[tokio::test]
async fn metadata_that_agrees_is_silent() {
    for metadata in [
        json!({}),
        json!({"integrations": ["gmail"]}),
        json!({"triggers": [{"type": "schedule", "func": "daily", "config": {"cron": "0 9 * * *"}}],
               "schedules": [{"cron": "0 9 * * *", "func_name": "daily"}]}),
        json!({"schedules": [{"cron": "0  9 * * *", "func_name": "daily", "timezone": "UTC"}]}),
        json!({"triggers": [{"type": "schedule", "func": "daily", "config": {"timezone": "UTC", "cron": " 0 9 * * *"}}]}),
        json!({"triggers": [{"type": "schedule", "func": "daily"}]}),
    ] {
        let examination = examine_with(DAILY, json!({}), Some(metadata.clone())).await;
        assert_findings(&metadata.to_string(), &examination, &[]);
    }
}

#[tokio::test]
async fn metadata_that_differs_is_told_apart() {
    let schedule = |func: &str, config: Value| json!({"type": "schedule", "func": func, "config": config});
    let daily = schedule("daily", json!({"cron": "0 9 * * *"}));
    let cases: &[(Value, &[Expected])] = &[
        (json!({"integrations": []}), &[("METADATA_MISMATCH", 0, 0, "integrations none, the script imports `gmail`")]),
        (json!({"integrations": ["gmail", "slack"]}), &[("METADATA_MISMATCH", 0, 0, "`gmail` and `slack`")]),
        (json!({"integrations": ["gmial", "gmail"]}), &[("UNKNOWN_INTEGRATION", 0, 0, "did you mean `gmail`?")]),
        (json!({"triggers": []}), &[("METADATA_MISMATCH", 4, 2, "which metadata does not list")]),
        (
            json!({"triggers": [daily, schedule("dialy", json!({}))]}),
            &[("FUNCTION_NOT_FOUND", 0, 0, "did you mean `daily`?")],
        ),
        (
            json!({"triggers": [schedule("daily", json!({"cron": "0 8 * * *"}))]}),
            &[("METADATA_MISMATCH", 4, 2, "gives `cron` of `daily` as `0 8 * * *`, the script as `0 9 * * *`")],
        ),
        (
            json!({"triggers": [schedule("daily", json!({"cron": "0 9 * * *", "timezone": "Europe/Dublin"}))]}),
            &[("METADATA_MISMATCH", 4, 2, "the script as `UTC`")],
        ),
        (json!({"triggers": [daily, daily]}), &[("METADATA_MISMATCH", 4, 2, "more often")]),
        (
            json!({"triggers": [daily, {"type": "shedule", "func": "daily"}]}),
            &[("UNKNOWN_TRIGGER_TYPE", 0, 0, "did you mean `schedule`?")],
        ),
        (
            json!({"triggers": [daily, {"type": "email", "func": "daily"}]}),
            &[("METADATA_MISMATCH", 0, 0, "lists the email trigger of `daily`, which the script does not declare")],
        ),
        (
            json!({"triggers": [daily], "schedules": [{"cron": "0 7 * * *", "func_name": "daily"}]}),
            &[("METADATA_MISMATCH", 4, 2, "0 7")],
        ),
    ];
    for (metadata, expected) in cases {
        let examination = examine_with(DAILY, json!({}), Some(metadata.clone())).await;
        assert_findings(&metadata.to_string(), &examination, expected);
    }
    let examination = examine_with(DAILY, json!({}), Some(json!({"integrations": []}))).await;
    assert_eq!(examination.diagnostics[0].details()["expected"], json!(["gmail"]));
    assert_eq!(examination.diagnostics[0].details()["got"], json!([]));
}

#[tokio::test]
async fn metadata_is_not_held_against_a_script_that_was_not_seen_whole() {
    let error =
        json!({"type": "AgentFixableError", "code": "IMPORT_ERROR", "message": "boom", "location": {"line": 1}});
    let metadata = json!({"triggers": [{"type": "schedule", "func": "made"}], "integrations": ["slack"]});
    let examination = examine_with("raise X\n", json!({"error": error}), Some(metadata)).await;
    assert_findings("unseen", &examination, &[("IMPORT_ERROR", 1, 0, "boom")]);
}

#[tokio::test]
async fn a_function_of_metadata_that_no_run_can_call_is_explained() {
    let script = "def f():\n    def helper(): ...\n";
    let metadata = json!({"triggers": [{"type": "schedule", "func": "helper"}]});
    let examination = examine_with(script, json!({}), Some(metadata)).await;
    assert_findings("hidden", &examination, &[("FUNCTION_NOT_FOUND", 0, 0, "is defined inside `f`")]);
}

#[tokio::test]
async fn an_entry_that_says_little_leaves_the_others_their_match() {
    let script = "import wren\n@wren.on_schedule('0 9 * * *', timeout='5m')\n@wren.on_schedule('0 18 * * *', timeout='5m')\n\
                  def f(): ...\n";
    let entry = |config: Value| json!({"type": "schedule", "func": "f", "config": config});
    let metadata = json!({"triggers": [entry(json!({"timeout": "5m"})), entry(json!({"cron": "0 9 * * *"}))]});
    assert_findings("vague first", &examine_with(script, json!({}), Some(metadata)).await, &[]);

    let metadata = json!({"triggers": [entry(json!({"cron": "0 7 * * *"})), entry(json!({"cron": "0 9 * * *"}))]});
    let examination = examine_with(script, json!({}), Some(metadata)).await;
    assert_findings(
        "the other differs",
        &examination,
        &[("METADATA_MISMATCH", 3, 2, "as `0 7 * * *`, the script as `0 18")],
    );
}

#[tokio::test]
async fn a_duration_is_the_same_however_it_is_spelled() {
    let script =
        "import wren\n@wren.on_schedule(every='15m', backoff={'initial': '60s'}, timeout='PT1M')\ndef f(): ...\n";
    let config = json!({"every": "900s", "backoff": {"initial": "1m"}, "timeout": "1m"});
    let metadata = json!({"triggers": [{"type": "schedule", "func": "f", "config": config}]});
    assert_findings("spelled", &examine_with(script, json!({}), Some(metadata)).await, &[]);

    let script = "import wren\n@wren.on_schedule(every='15m')\n@wren.on_schedule(every='900s')\ndef f(): ...\n";
    assert_findings("twice", &examine_text(script), &[("DUPLICATE_TRIGGER", 3, 2, "line 2")]);
}

#[tokio::test]
async fn metadata_with_more_than_a_script_may_declare_is_not_compared() {
    let schedule = json!({"cron": "0 9 * * *", "func_name": "nobody"});
    let metadata = json!({"schedules": vec![schedule; 101], "integrations": vec!["gmail"; 101]});
    let expected: &[Expected] = &[
        ("INVALID_METADATA", 0, 0, "101 integrations, at most 100"),
        ("INVALID_METADATA", 0, 0, "101 schedules, at most 100"),
    ];
    assert_findings("too many", &examine_with(DAILY, json!({}), Some(metadata)).await, expected);
}

#[test]
fn a_misspelt_key_of_metadata_is_refused() {
    for metadata in [
        json!({"trigger": []}),
        json!({"triggers": [{"type": "schedule", "func": "f", "confg": {}}]}),
        json!({"schedules": [{"cron": "@daily", "func_name": "f", "tz": "UTC"}]}),
    ] {
        let error = serde_json::from_value::<DeployMetadata>(metadata.clone()).unwrap_err();
        assert!(error.to_string().contains("unknown field"), "{metadata}: {error}");
    }
}
