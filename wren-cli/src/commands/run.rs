//! `wren run`, `wren retry` and `wren cancel`.

use serde_json::{Value, json};
use wren_core::ErrorClass;

use super::log_view::LogView;
use super::watch::Watch;
use super::{deployments, understood};
use crate::args::{CancelArgs, RetryArgs, RunArgs};
use crate::client::Client;
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::style::harmless;
use crate::output::tables;
use crate::wire::Run;

/// Runs a function now.
pub(super) async fn run(args: RunArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let event = args.event.as_deref().map(read_event).transpose()?;
    let id = deployments::find(&args.deployment.deployment, client).await?;
    let mut body = json!({});
    if let Some(func) = args.func {
        body["func"] = Value::from(func);
    }
    if let Some(event) = event {
        body["event"] = event;
    }
    let answer: Value = client.post(&format!("/v1/deployments/{id}/runs"), &body).await?;
    queued(answer, args.wait, client, output).await
}

/// Runs again what has run.
pub(super) async fn retry(args: RetryArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let answer: Value = client.post(&format!("/v1/runs/{}/retry", args.run), &json!({})).await?;
    queued(answer, args.wait, client, output).await
}

/// Shows a run that was asked for, and if it is waited for, what becomes of it.
async fn queued(answer: Value, is_waited_for: bool, client: &Client, output: Output) -> Result<(), Failure> {
    let queued: Run = understood(&answer)?;
    output.done(format_args!("Queued: {}", queued.run_id));
    if !is_waited_for {
        output.document(&answer);
        return Ok(());
    }
    // The lines would make several documents of one; `wren logs RUN --json` has them.
    let mut view = LogView::new(output.text_only(), false).without_errors();
    let ended = Watch::follow_run(queued, 0, &mut view, client).await?;
    let run: Run = understood(&ended)?;
    if run.status == "success" {
        if let Some(result) = run.result.as_ref().filter(|result| !result.is_null()) {
            output.line(format_args!("Result: {}", harmless(&result.to_string())));
        }
        output.document(&ended);
        return Ok(());
    }
    Err(unsuccessful(&run, ended).into())
}

/// Cancels a run.
pub(super) async fn cancel(args: CancelArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let answer: Value = client.post(&format!("/v1/runs/{}/cancel", args.run), &json!({})).await?;
    let run: Run = understood(&answer)?;
    if run.status == "cancelled" {
        output.done(format_args!("Cancelled: {}", run.run_id));
    } else {
        output.done(format_args!("Cancelling: {} is {}", run.run_id, harmless(&tables::status(&run))));
    }
    output.document(&answer);
    Ok(())
}

fn read_event(argument: &str) -> Result<Value, Failure> {
    let text = match argument.strip_prefix('@') {
        Some(path) => {
            let unreadable = |error| Failure::request(format!("cannot read the event from {path}: {error}"));
            std::fs::read_to_string(path).map_err(unreadable)?
        }
        None => argument.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| Failure::request(format!("the event is not JSON: {error}")))
}

/// Returns why a run did not succeed, with the run in its details. The view has shown the rest already.
fn unsuccessful(run: &Run, answer: Value) -> Problem {
    let mut problem = run.error.clone().unwrap_or_else(|| {
        Problem::new(ErrorClass::AgentFixableError, "CONFLICT", format!("the run ended as {}", run.status))
    });
    problem.details.insert("run".to_owned(), answer);
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_or_a_file_of_it() {
        assert_eq!(read_event("{\"a\": 1}").unwrap(), json!({"a": 1}));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1]").unwrap();
        assert_eq!(read_event(&format!("@{}", file.path().display())).unwrap(), json!([1]));
        for wrong in ["{", "@/nowhere/at/all"] {
            assert_eq!(read_event(wrong).unwrap_err().problem.exit_code(), 1);
        }
    }

    #[test]
    fn a_failed_run_exits_by_the_class_of_its_error() {
        let answer = json!({"run_id": "run_1", "trigger": "manual", "status": "failed", "error":
            {"type": "UserFacingConfigError", "code": "INTEGRATION_NOT_CONFIGURED", "message": "m"}});
        let run: Run = serde_json::from_value(answer.clone()).unwrap();
        let problem = unsuccessful(&run, answer);
        assert_eq!(problem.exit_code(), 3);
        assert_eq!(problem.details["run"]["run_id"], "run_1");
    }
}
