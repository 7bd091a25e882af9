//! What importing a script without any capability shows.

use std::sync::Arc;

use serde_json::json;
use wren_core::executor::Executor;
use wren_core::{ErrorCode, WireError};

use crate::executor::{Trial, inspect, inspect_within};

async fn fails(executor: &Arc<dyn Executor>, script: &str) -> WireError {
    inspect(executor, script).await.error.expect("an error")
}

pub async fn triggers_are_reported_with_lines_config_and_signature(executor: Arc<dyn Executor>) {
    let script = r#"import wren

@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin", retries=3)
def daily():
    pass

@wren.on_email(subject="invoice")
def mail(email, extra=None, *rest, key):
    pass
"#;
    let inspection = inspect(&executor, script).await;
    assert_eq!(inspection.error, None);
    let [daily, mail] = &inspection.triggers[..] else { panic!("{inspection:?}") };
    assert_eq!((daily.kind.as_str(), daily.func.as_str(), daily.line), ("schedule", "daily", 3));
    assert_eq!(daily.config.get("timezone"), Some(&json!("Europe/Dublin")));
    assert_eq!(daily.config.get("cron"), Some(&json!("0 9 * * *")));
    assert_eq!(daily.config.get("retries"), Some(&json!(3)));
    assert_eq!((daily.signature.required, daily.signature.max), (0, Some(0)));
    assert_eq!((mail.kind.as_str(), mail.func.as_str(), mail.line), ("email", "mail", 7));
    assert_eq!((mail.signature.required, mail.signature.max), (1, None));
    assert_eq!(mail.signature.required_keywords, ["key"]);
}

pub async fn integrations_are_reported(executor: Arc<dyn Executor>) {
    let mut integrations = inspect(&executor, "from wren import gmail, slack\n").await.integrations;
    integrations.sort();
    assert_eq!(integrations, ["gmail", "slack"]);
}

pub async fn an_import_without_end_is_ended(executor: Arc<dyn Executor>) {
    let script = "import wren\n\n@wren.on_schedule('@daily')\ndef daily():\n    pass\n\nwhile True: pass\n";
    let inspection = inspect_within(&executor, script, 6_000).await;
    let error = inspection.error.expect("an error");
    assert_eq!(error.code, ErrorCode::ImportTimeout);
    assert!(error.hint.is_some());
    assert_eq!(error.location.expect("a place").line, 7);
    assert_eq!(inspection.triggers.len(), 1, "what was registered before is still listed");
    let ran = Trial::new("def main():\n    return 1\n").run(&executor).await;
    assert_eq!(ran.value(), 1);
}

pub async fn an_exception_at_import_has_its_place(executor: Arc<dyn Executor>) {
    let script = "import wren\n\n@wren.on_schedule('@daily')\ndef daily():\n    pass\n\nx = 1 / 0\n";
    let inspection = inspect(&executor, script).await;
    let error = inspection.error.expect("an error");
    assert_eq!(error.code, ErrorCode::ImportError);
    assert_eq!(error.location.expect("a place").line, 7);
    assert!(error.message.contains("division by zero"), "{}", error.message);
    assert_eq!(inspection.triggers.len(), 1, "what was registered before is still listed");
}

pub async fn a_module_that_is_missing_is_named(executor: Arc<dyn Executor>) {
    let error = fails(&executor, "import no_such_module_anywhere\n").await;
    assert!(matches!(error.code, ErrorCode::ImportError | ErrorCode::UnsupportedImport), "{error:?}");
    assert!(error.message.contains("no_such_module_anywhere"), "{}", error.message);
}

pub async fn a_syntax_error_has_its_place(executor: Arc<dyn Executor>) {
    let error = fails(&executor, "def main():\n    return (\n").await;
    assert_eq!(error.code, ErrorCode::SyntaxError);
    assert_eq!(error.location.expect("a place").line, 2);
}

pub async fn the_platform_cannot_be_called_at_import(executor: Arc<dyn Executor>) {
    let error = fails(&executor, "import wren\nvalue = wren.state['number']\n").await;
    assert_eq!(error.location.expect("a place").line, 2);
}

pub async fn an_import_that_ends_the_process_is_an_error(executor: Arc<dyn Executor>) {
    let error = fails(&executor, "import os\nos._exit(0)\n").await;
    assert_eq!(error.code, ErrorCode::ImportError, "{error:?}");
}

pub async fn a_decorator_used_wrongly_is_a_problem_and_not_the_end(executor: Arc<dyn Executor>) {
    let script = "import wren\n\n@wren.on_schedule('0 9 * * *', 'Europe/Dublin')\ndef daily():\n    pass\n";
    let inspection = inspect(&executor, script).await;
    assert_eq!(inspection.error, None);
    assert_eq!(inspection.triggers.len(), 1);
    assert!(!inspection.triggers[0].problems.is_empty());
}

pub async fn the_python_version_is_told(executor: Arc<dyn Executor>) {
    let python = inspect(&executor, "").await.python.expect("a version");
    assert!(python.starts_with("3."), "{python}");
}
