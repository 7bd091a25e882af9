//! `wren doctor`: whether this machine can run a server, and what to do where it cannot.

mod checks;

use serde::Serialize;
use serde_json::json;

use crate::args::{DoctorArgs, GlobalArgs};
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::style::harmless;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// As it should be.
    Ok,
    /// A server runs all the same.
    Warning,
    /// A server does not run, or runs nothing.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    /// What was looked at.
    check: String,
    status: Status,
    /// How it is.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { check: check.into(), status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn warning(check: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), status: Status::Warning, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn failed(check: impl Into<String>, problem: &Problem, fix: &str) -> Self {
        let fix = problem.hint.clone().unwrap_or_else(|| fix.to_owned());
        Self { check: check.into(), status: Status::Failed, detail: problem.message.clone(), fix: Some(fix) }
    }
}

/// Looks at everything, and says so; fails when something does.
pub(super) async fn doctor(args: DoctorArgs, global: &GlobalArgs, output: Output) -> Result<(), Failure> {
    let findings = checks::all(&args, global, output).await;
    for Finding { check, status, detail, fix } in &findings {
        let line = format!("{check}: {}", harmless(detail));
        match status {
            Status::Ok => output.done(line),
            Status::Warning => output.line(format_args!("{} {line}", output.palette().yellow("!"))),
            Status::Failed => output.failed(line),
        }
        if let Some(fix) = fix {
            output.line(format_args!("  {}", harmless(fix)));
        }
    }
    let failed = findings.iter().filter(|finding| finding.status == Status::Failed).count();
    if failed == 0 {
        output.document(&json!({"ok": true, "checks": findings}));
        return Ok(());
    }
    let mut failure = Failure::internal("not all is well", format!("{failed} of {} checks failed", findings.len()));
    failure.problem.details.insert("checks".to_owned(), json!(findings));
    failure.problem.hint = Some("each failed check says what to do".to_owned());
    Err(failure)
}
