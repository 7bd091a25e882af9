//! `wren test`: what is right with a script and what is not, without a server.

use serde_json::json;
use wren_core::ErrorCode;
use wren_core::deploy::Examination;
use wren_core::model::TriggerKind;
use wren_core::schedule::Rule;

use super::local::{LocalScript, found};
use super::replay::replay;
use crate::args::TestArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Tests a script.
pub(super) async fn test(args: TestArgs, output: Output) -> Result<(), Failure> {
    let script = LocalScript::read(&args.file.file)?;
    let examination = script.examine().await?;
    let checks = checks(&examination);
    for check in &checks {
        match check.state {
            State::Valid => output.done(check.said),
            State::Wrong => output.failed(check.wrong),
            State::Unknown => output.line(format_args!("- {} (not checked)", check.said)),
        }
    }
    if let Some(problem) = found(&examination.diagnostics) {
        return Err(script.blame(problem));
    }
    let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
    let mut document = json!({"ok": true, "checks": names, "functions": examination.manifest.functions});
    if let (Some(from), Some(to)) = (args.from, args.to) {
        let replay = replay(&examination, from, to)?;
        replay.show(output);
        document["replay"] = json!(replay);
    }
    output.document(&document);
    Ok(())
}

/// One line of the answer.
#[derive(Debug)]
struct Check {
    /// Its stable name.
    name: &'static str,
    /// What is printed when it is valid.
    said: &'static str,
    /// What is printed when it is not.
    wrong: &'static str,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Valid,
    Wrong,
    Unknown,
}

/// Sorts the findings under what was checked.
fn checks(examination: &Examination) -> Vec<Check> {
    let has = |group: Group| examination.diagnostics.iter().any(|error| Group::of(error.code()) == group);
    let syntax = if has(Group::Syntax) { State::Wrong } else { State::Valid };
    let behind = |group: Group, blocked: bool| match (has(group), blocked) {
        (true, _) => State::Wrong,
        (false, true) => State::Unknown,
        (false, false) => State::Valid,
    };
    let is_broken = syntax == State::Wrong;
    let mut checks = vec![Check { name: "syntax", said: "Syntax valid", wrong: "Syntax invalid", state: syntax }];
    if has(Group::Import) {
        checks.push(Check { name: "import", said: "Import succeeds", wrong: "Import fails", state: State::Wrong });
    }
    let schedules = examination.manifest.triggers.iter().filter(|trigger| trigger.kind == TriggerKind::Schedule);
    let rules: Vec<&Rule> = schedules.filter_map(|trigger| Some(trigger.schedule.as_ref()?.schedule.rule())).collect();
    let has_cron = rules.iter().any(|rule| matches!(rule, Rule::Cron { .. }));
    if has_cron || has(Group::Cron) {
        let state = behind(Group::Cron, is_broken);
        checks.push(Check { name: "cron", said: "Cron expression valid", wrong: "Cron expression invalid", state });
    }
    if rules.iter().any(|rule| !matches!(rule, Rule::Cron { .. })) {
        checks.push(Check { name: "schedule", said: "Schedule valid", wrong: "Schedule invalid", state: State::Valid });
    }
    if has(Group::Declaration) {
        checks.push(Check {
            name: "declarations",
            said: "Declarations valid",
            wrong: "Declarations invalid",
            state: State::Wrong,
        });
    }
    let functions = behind(Group::Functions, is_broken || has(Group::Import));
    checks.push(Check {
        name: "functions",
        said: "Functions defined",
        wrong: "Functions missing or not callable",
        state: functions,
    });
    checks
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Syntax,
    Import,
    Cron,
    Declaration,
    Functions,
}

impl Group {
    fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::SyntaxError | ErrorCode::ScriptTooLarge => Self::Syntax,
            ErrorCode::ImportError | ErrorCode::ImportTimeout | ErrorCode::UnsupportedImport => Self::Import,
            ErrorCode::InvalidCron | ErrorCode::CronNeverFires | ErrorCode::InvalidTimezone => Self::Cron,
            ErrorCode::FunctionNotFound | ErrorCode::FunctionSignature => Self::Functions,
            _ => Self::Declaration,
        }
    }
}

#[cfg(test)]
mod tests {
    use wren_core::Error;
    use wren_core::model::Manifest;

    use super::*;

    fn seen(codes: &[ErrorCode]) -> Vec<(&'static str, State)> {
        let diagnostics = codes.iter().map(|code| Error::new(*code, "m")).collect();
        let examination = Examination { manifest: Manifest::default(), diagnostics };
        checks(&examination).into_iter().map(|check| (check.name, check.state)).collect()
    }

    #[test]
    fn what_could_not_be_checked_is_not_called_valid() {
        assert_eq!(seen(&[]), [("syntax", State::Valid), ("functions", State::Valid)]);
        assert_eq!(seen(&[ErrorCode::SyntaxError]), [("syntax", State::Wrong), ("functions", State::Unknown)]);
        assert_eq!(
            seen(&[ErrorCode::ImportError]),
            [("syntax", State::Valid), ("import", State::Wrong), ("functions", State::Unknown)]
        );
    }

    #[test]
    fn every_finding_has_its_line() {
        assert_eq!(
            seen(&[ErrorCode::InvalidCron, ErrorCode::UnknownIntegration, ErrorCode::FunctionSignature]),
            [
                ("syntax", State::Valid),
                ("cron", State::Wrong),
                ("declarations", State::Wrong),
                ("functions", State::Wrong)
            ]
        );
    }
}
