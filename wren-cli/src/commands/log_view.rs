//! How runs and their lines look: under a head per run for people, one JSON object per event for programs.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::style::harmless;
use crate::output::time::{duration, rfc3339};
use crate::output::{Output, diagnostics, tables};
use crate::wire::{LogLine, Run};

/// Shows runs and lines as they come.
#[derive(Debug)]
pub(super) struct LogView {
    output: Output,
    /// Whether control characters are printed as they are.
    raw: bool,
    /// Whether errors are explained; not when the command's own failure will.
    explains: bool,
    /// The run under whose head the output stands.
    current: Option<String>,
}

impl LogView {
    pub(super) fn new(output: Output, raw: bool) -> Self {
        Self { output, raw, explains: true, current: None }
    }

    /// Leaves errors to whoever shows the command's failure.
    pub(super) fn without_errors(self) -> Self {
        Self { explains: false, ..self }
    }

    /// Shows lines of a run.
    pub(super) fn lines(&mut self, run: &Run, lines: &[LogLine]) {
        for line in lines {
            self.head(run);
            let text = if self.raw { line.text.as_str().into() } else { harmless(&line.text) };
            let time = self.output.palette().dim(&line.at.format("%H:%M:%S%.3f").to_string());
            let stream = match line.stream.as_str() {
                "stderr" => self.output.palette().red("err"),
                "system" => self.output.palette().blue("sys"),
                _ => "out".to_owned(),
            };
            self.output.line(format_args!("{time} {stream} {text}"));
            self.output.document(&log_event(&run.run_id, line));
        }
    }

    /// Shows how a run ended.
    pub(super) fn end(&mut self, run: &Run, answer: &Value) {
        self.head(run);
        if run.logs_pruned {
            let said = "what it printed was deleted: the server keeps logs for less time than runs (--keep-logs)";
            self.output.line(self.output.palette().dim(said));
        }
        let took = run.duration_ms.map_or(String::new(), |millis| format!(" in {}", duration(millis)));
        let status = tables::status(run);
        let said = format!("{}{took}", harmless(&status));
        match run.status.as_str() {
            "success" => self.output.done(said),
            "failed" | "timeout" => self.output.failed(said),
            _ => self.output.line(format_args!("- {said}")),
        }
        if let (true, Some(error)) = (self.explains && !self.output.is_json(), &run.error) {
            let failure = Failure::from(error.clone());
            self.output.line(diagnostics::report(&failure, self.output.palette()).trim_end());
        }
        self.output.document(&json!({"event": "run", "run": answer}));
    }

    /// Shows whose lines follow, unless that is clear.
    fn head(&mut self, run: &Run) {
        if self.current.as_deref() == Some(run.run_id.as_str()) {
            return;
        }
        self.current = Some(run.run_id.clone());
        let due = run.scheduled_for.map_or(String::new(), |at| format!(" due {}", rfc3339(at)));
        let func = run.func.as_deref().map_or(String::new(), |func| format!(" {func}"));
        let id = run.correlation_id.as_deref().unwrap_or_default();
        let attempt = run.attempt.filter(|attempt| *attempt > 1).map_or(String::new(), |n| format!(" attempt {n}"));
        let head = format!("── {} {}{func}{due}{attempt} {id}", run.run_id, run.trigger);
        self.output.line(self.output.palette().blue(&harmless(head.trim_end())));
    }
}

/// Makes the event of a line: what the server says about it, and whose it is.
fn log_event(run_id: &str, line: &LogLine) -> Value {
    let mut event = serde_json::to_value(line).unwrap_or_default();
    event["event"] = Value::from("log");
    event["run_id"] = Value::from(run_id);
    event
}
