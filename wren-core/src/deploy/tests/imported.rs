//! What only an import shows.

use super::*;

const DAILY: &str = "import wren\nfrom wren import gmail\n\n@wren.on_schedule('0 9 * * *')\ndef daily(): ...\n";

#[tokio::test]
async fn what_text_and_import_both_show_is_one_trigger() {
    let inspection =
        json!({"triggers": [trigger("schedule", "daily", 4, json!({"cron": "0 9 * * *"}))], "integrations": ["gmail"]});
    let examination = examine_with(DAILY, inspection, None).await;
    assert_findings("daily", &examination, &[]);
    assert_eq!(examination.manifest.triggers.len(), 1);
    assert_eq!(examination.manifest.integrations, ["gmail"]);
}

#[tokio::test]
async fn computed_arguments_come_from_the_import() {
    let script = "import wren\nimport mine\nHOUR = 9\n@wren.on_schedule(f'0 {HOUR} * *', **mine.options)\ndef daily(): ...\n\
                  for n in range(2):\n    wren.on_schedule(every=f'{n}m')(daily)\n";
    let inspection = json!({"triggers": [
        trigger("schedule", "daily", 4, json!({"cron": "0 9 * *", "tz": "UTC"})),
        trigger("schedule", "daily", 7, json!({"every": "0m"})),
        trigger("schedule", "daily", 7, json!({"every": "1m"})),
    ]});
    let examination = examine_with(script, inspection, None).await;
    assert_findings(
        "computed",
        &examination,
        &[
            ("INVALID_METADATA", 4, 2, "did you mean `timezone`?"),
            ("INVALID_CRON", 4, 19, "4 fields"),
            ("INVALID_METADATA", 7, 0, "at least 1s"),
        ],
    );
}

#[tokio::test]
async fn an_import_that_fails_is_reported_beside_the_rest() {
    let error = json!({"type": "AgentFixableError", "code": "IMPORT_ERROR", "message": "ZeroDivisionError: division by zero",
        "location": {"line": 6}, "traceback": "Traceback…"});
    let script = format!("{DAILY}x = 1 / 0\n@wren.on_schedule('61 * * * *')\ndef never_seen(): ...\n");
    let inspection =
        json!({"triggers": [trigger("schedule", "daily", 4, json!({"cron": "0 9 * * *"}))], "error": error});
    let examination = examine_with(&script, inspection, None).await;
    assert_findings("raise", &examination, &[("IMPORT_ERROR", 6, 0, "division"), ("INVALID_CRON", 7, 20, "61")]);
    assert_eq!(examination.diagnostics[0].location().unwrap().snippet.as_deref(), Some("x = 1 / 0"));
    assert_eq!(examination.diagnostics[0].traceback(), Some("Traceback…"));
}

#[tokio::test]
async fn an_import_that_fails_at_a_known_fault_is_not_reported_again() {
    let error = |line: u32| json!({"type": "AgentFixableError", "code": "IMPORT_ERROR", "message": "ImportError", "location": {"line": line}});
    let examination = examine_with("from wren import gmial\n", json!({"error": error(1)}), None).await;
    assert_findings("gmial", &examination, &[("UNKNOWN_INTEGRATION", 1, 18, "gmail")]);

    let script = "import wren\n@wren.on_schedule(\n  '@daily',\n  timezone='Mars')\ndef f(): ...\n";
    let examination = examine_with(script, json!({"error": error(2)}), None).await;
    assert_findings("decorator", &examination, &[("INVALID_TIMEZONE", 4, 13, "Mars")]);
}

#[tokio::test]
async fn an_endless_import_is_a_finding() {
    let error =
        json!({"type": "AgentFixableError", "code": "IMPORT_TIMEOUT", "message": "the import took longer than 10s"});
    let examination = examine_with("while True: pass\n", json!({"error": error}), None).await;
    assert_findings("endless", &examination, &[("IMPORT_TIMEOUT", 0, 0, "into the function")]);
}

#[tokio::test]
async fn the_executor_is_asked_only_for_what_is_python_and_within_limits() {
    let (rules, executor) = rules_with(CannedExecutor { broken: true, ..CannedExecutor::default() });
    let examination = examine(b"def f(:\n", None, &rules, now()).await.unwrap();
    assert_eq!(examination.diagnostics[0].code(), ErrorCode::SyntaxError);
    assert!(executor.asked.lock().is_empty());

    let script = b"# /// script\n# [tool.wren]\n# memory = \"64MiB\"\n# ///\ndef f(): ...\n";
    let error = examine(script, None, &rules, now()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ExecutorUnavailable);
    let asked = executor.asked.lock()[0];
    assert_eq!((asked.timeout_ms, asked.memory_bytes), (10_000, 64 << 20));

    let none = DeployRules::new(Vec::new());
    assert_eq!(examine(b"", None, &none, now()).await.unwrap_err().code(), ErrorCode::ExecutorUnavailable);
}

#[tokio::test]
async fn an_import_cannot_blame_the_platform_or_the_user() {
    for (class, code) in [
        ("InternalError", "INTERNAL"),
        ("InternalError", "SYNTAX_ERROR"),
        ("UserFacingConfigError", "OAUTH_TOKEN_EXPIRED"),
        ("AgentFixableError", "STORE_UNAVAILABLE"),
    ] {
        let error = json!({"type": class, "code": code, "message": "my own", "action_url": "https://example.com/phish",
            "docs_url": "https://example.com/more", "retryable": true});
        let examination = examine_with("def f(): ...", json!({"error": error}), None).await;
        assert_findings(code, &examination, &[("IMPORT_ERROR", 0, 0, "my own")]);
        let found = &examination.diagnostics[0];
        assert_eq!((found.action_url(), found.docs_url(), found.retryable()), (None, None, false));
    }
}

#[tokio::test]
async fn what_the_sdk_complains_of_is_said_once() {
    let mut registered = trigger("schedule", "f", 2, json!({"cron": "@daily"}));
    registered["problems"] = json!(["on_schedule takes one positional argument, got 2"]);
    let script = "import wren\n@wren.on_schedule('@daily', 'UTC')\ndef f(): ...\n";
    let examination = examine_with(script, json!({"triggers": [registered.clone()]}), None).await;
    assert_findings("known", &examination, &[("INVALID_METADATA", 2, 29, "timezone=\"UTC\"")]);

    let script = "import wren\n@wren.on_schedule(*args)\ndef f(): ...\n";
    let examination = examine_with(script, json!({"triggers": [registered]}), None).await;
    assert_findings("unknown", &examination, &[("INVALID_METADATA", 2, 2, "got 2")]);
}

#[tokio::test]
async fn an_event_source_judges_its_own_arguments() {
    let script = "import wren\n@wren.on_email(subjct='x', retries=-1)\ndef f(mail): ...\n";
    let examination = examine_with(script, json!({}), None).await;
    assert_findings(
        "email",
        &examination,
        &[("INVALID_FILTER", 2, 23, "subjct"), ("INVALID_METADATA", 2, 36, "0 to 100")],
    );
}

#[tokio::test]
async fn requirements_that_an_executor_does_not_take_are_located_in_their_block() {
    let script = "# /// script\n# dependencies = ['httpx']\n# ///\ndef f(): ...\n";
    let error =
        json!({"type": "AgentFixableError", "code": "UNSUPPORTED_IMPORT", "message": "no packages", "hint": "none"});
    let examination = examine_with(script, json!({"error": error}), None).await;
    assert_findings("dependencies", &examination, &[("UNSUPPORTED_IMPORT", 2, 0, "no packages")]);
}

fn import_error(code: &str, message: &str, line: u32) -> Value {
    json!({"error": {"type": "AgentFixableError", "code": code, "message": message, "location": {"line": line}}})
}

#[tokio::test]
async fn an_import_that_failed_says_what_to_write() {
    let script =
        "import wren\nX = 1\nfirst_report = later_report()\ndef later_report(): ...\nUSER = os.environ['USER']\n";
    let cases = [
        ("NameError: name 'true' is not defined", 2, "in Python it is `True`"),
        ("NameError: name 'wren' is not defined", 2, "write `import wren` at"),
        ("NameError: name 'on_schedule' is not defined", 2, "write `from wren import on_schedule`"),
        ("NameError: name 'gmail' is not defined", 2, "write `from wren import gmail`"),
        ("NameError: name 'json' is not defined", 2, "write `import json`"),
        ("NameError: name 'timedelta' is not defined", 2, "write `from datetime import timedelta`"),
        ("NameError: name 'later_report' is not defined", 3, "is defined at line 4"),
        ("NameError: name 'first_reprot' is not defined", 5, "did you mean `first_report`?"),
        ("NameError: name 'somebody' is not defined", 5, "define `somebody` above"),
        ("KeyError: 'USER'", 5, "write `wren.secret(\"USER\")` within"),
        ("KeyError: 'USER'", 2, "mend the line"),
        ("FileNotFoundError: [Errno 2] No such file", 2, "without the files beside it"),
        ("EOFError: EOF when reading a line", 2, "nobody is there to answer"),
        ("ImportError: cannot import name 'slack' from 'wren' (wren/__init__.py)", 1, "wren.integration(\"slack\")"),
        ("ZeroDivisionError: division by zero", 2, "mend the line"),
    ];
    for (message, line, words) in cases {
        let examination = examine_with(script, import_error("IMPORT_ERROR", message, line), None).await;
        assert_findings(message, &examination, &[("IMPORT_ERROR", line, 0, words)]);
    }
}

#[tokio::test]
async fn a_zone_that_python_does_not_find_is_an_invalid_timezone() {
    let message = "zoneinfo._common.ZoneInfoNotFoundError: 'No time zone found with key Europe/Dubln'";
    let examination = examine_with("def f(): ...\n", import_error("IMPORT_ERROR", message, 1), None).await;
    assert_findings("zone", &examination, &[("INVALID_TIMEZONE", 1, 0, "did you mean `Europe/Dublin`?")]);
}

#[tokio::test]
async fn what_only_pythons_compiler_refuses_comes_with_a_remedy() {
    let message = "'await' outside async function";
    let examination = examine_with("def f():\n    await g()\n", import_error("SYNTAX_ERROR", message, 2), None).await;
    assert_findings("await", &examination, &[("SYNTAX_ERROR", 2, 0, "write `async def`")]);
}

#[tokio::test]
async fn an_error_that_a_script_raises_at_its_top_level_is_an_import_error() {
    for code in ["SCRIPT_EXCEPTION", "NOT_FOUND", "RUN_TIMEOUT"] {
        let examination = examine_with("def f(): ...\n", import_error(code, "no settings", 1), None).await;
        assert_findings(code, &examination, &[("IMPORT_ERROR", 1, 0, "mend the line")]);
    }
    let examination =
        examine_with("def f(): ...\n", import_error("OUTPUT_LIMIT", "the result is too large", 1), None).await;
    assert_findings("triggers", &examination, &[("OUTPUT_LIMIT", 1, 0, "give the decorators short arguments")]);
}

#[tokio::test]
async fn an_integration_that_is_named_in_quotes_is_located_there() {
    let script = "import wren\ngithub = wren.integration(\"gtihub\")\nfrom wren import integration as service\nservice('gmail')\n";
    let examination = examine_with(script, json!({"integrations": ["gtihub", "gmail"]}), None).await;
    assert_eq!(examination.manifest.integrations, ["gmail"]);
    let found: Vec<String> = examination.diagnostics.iter().map(show).collect();
    assert!(found[0].starts_with("UNKNOWN_INTEGRATION 2:28 "), "{found:?}");
}
