//! How a command fails: the wire's error, whoever found it, and the exit code that says who must act.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wren_core::{Error, ErrorClass, ErrorCode, Location, WireError};

/// An error as it stands on the wire. Unlike core's own type it accepts codes and keys that this version does not know,
/// since a server may be newer than the command line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Problem {
    #[serde(rename = "type", default)]
    pub(crate) class: String,
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) traceback: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) action_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) docs_url: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) details: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<String>,
    /// What this version does not know, passed on as it came.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The envelope of an error: `{"error": {…}}`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProblemBody {
    pub(crate) error: Problem,
}

impl Problem {
    /// Makes a problem that the command line found itself.
    pub(crate) fn new(class: ErrorClass, code: &str, message: impl Into<String>) -> Self {
        Self { class: class.as_str().to_owned(), code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns every finding: those of a validation, or the problem itself.
    pub(crate) fn findings(&self) -> Vec<Problem> {
        let list = self.details.get("diagnostics").cloned().unwrap_or_default();
        match serde_json::from_value::<Vec<Problem>>(list) {
            Ok(list) if !list.is_empty() => list,
            _ => vec![self.clone()],
        }
    }

    /// Makes one problem of several, as core does for diagnostics: the first is the error, and its details list all.
    pub(crate) fn gather(list: Vec<Problem>) -> Option<Problem> {
        let all = serde_json::to_value(&list).unwrap_or_default();
        let mut first = list.into_iter().next()?;
        first.details.insert("diagnostics".to_owned(), all);
        Some(first)
    }

    /// Returns the exit code: who must act. An unknown class is nobody's but the operator's.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.class.as_str() {
            "AgentFixableError" => 1,
            "UserFacingConfigError" => 3,
            _ => 4,
        }
    }
}

impl From<&Error> for Problem {
    /// Unlike on the wire, the cause of an internal error stays visible: who runs the command is the operator.
    fn from(error: &Error) -> Self {
        let wire = serde_json::to_value(WireError::from(error)).unwrap_or_default();
        let mut problem: Problem = serde_json::from_value(wire).unwrap_or_default();
        if error.class() == ErrorClass::InternalError {
            problem.message = match std::error::Error::source(error) {
                Some(source) => format!("{}: {source}", error.message()),
                None => error.message().to_owned(),
            };
            problem.hint = error.hint().map(str::to_owned);
        }
        problem
    }
}

/// The script that a failure is about, for showing the lines around a finding.
#[derive(Debug, Clone)]
pub(crate) struct ScriptFile {
    /// The path as the user gave it.
    pub(crate) name: String,
    /// The text; broken UTF-8 repaired.
    pub(crate) text: String,
}

/// Why a command ends with a code other than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Box<Problem>,
    pub(crate) script: Option<Box<ScriptFile>>,
    /// The exit code, where it is not for the problem's class to say.
    exit_code: Option<u8>,
}

impl Failure {
    /// Returns the exit code. One of 0 is no failure that anybody is told of.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code.unwrap_or_else(|| self.problem.exit_code())
    }

    /// Adds the script that the findings point into.
    pub(crate) fn in_script(mut self, name: impl Into<String>, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.script = Some(Box::new(ScriptFile { name: name.into(), text }));
        self
    }

    /// Makes a failure that the agent can mend by calling differently.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Problem::new(ErrorClass::AgentFixableError, ErrorCode::InvalidRequest.as_str(), message).into()
    }

    /// Makes a failure of the command line itself: its arguments, variables and files do not go together.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let mut failure = Self::request(message);
        failure.problem.hint = Some(hint.into());
        failure.exit_code = Some(2);
        failure
    }

    /// Makes the end of a command whose reader went away, as `head` does: there is nobody left to tell.
    pub(crate) fn unheard() -> Self {
        let mut failure = Self::internal("writing the output", "nobody reads it");
        failure.exit_code = Some(0);
        failure
    }

    /// Makes a failure of this machine.
    pub(crate) fn internal(message: impl Into<String>, cause: impl fmt::Display) -> Self {
        let message = format!("{}: {cause}", message.into());
        Problem::new(ErrorClass::InternalError, ErrorCode::Internal.as_str(), message).into()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), script: None, exit_code: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Problem::from(&error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_exit_code() {
        let code = |class: &str| Problem { class: class.to_owned(), ..Problem::default() }.exit_code();
        assert_eq!(code("AgentFixableError"), 1);
        assert_eq!(code("UserFacingConfigError"), 3);
        assert_eq!(code("InternalError"), 4);
        assert_eq!(code("ErrorOfTheFuture"), 4);
    }

    #[test]
    fn an_error_of_a_newer_server_passes_through_unchanged() {
        let body =
            serde_json::json!({"type": "AgentFixableError", "code": "NEW_CODE", "message": "m", "novel": [1, 2]});
        let problem: Problem = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&problem).unwrap(), body);
    }

    #[test]
    fn every_finding_of_a_validation_is_returned() {
        let errors = ["first", "second"].map(|text| Error::new(ErrorCode::InvalidCron, text)).into();
        let problem = Problem::from(&Error::from_diagnostics(errors).unwrap());
        let messages: Vec<String> = problem.findings().into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["first", "second"]);
    }

    #[test]
    fn the_operator_sees_the_cause_of_an_internal_error() {
        let problem = Problem::from(&Error::internal("opening the store", "no such folder"));
        assert_eq!(problem.message, "opening the store: no such folder");
    }
}
