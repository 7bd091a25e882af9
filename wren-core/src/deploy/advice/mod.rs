//! What to do about an import that failed, where neither Python nor the SDK says it: the mistakes that come up again and again.

mod compiled;
mod undefined;

use super::parse::Parsed;
use crate::error::{ErrorCode, WireError};
use crate::integration::IntegrationDirectory;
use crate::schedule::Timezone;

/// For an import that nothing more is known about.
const GENERAL: &str = "the script is imported before it is deployed: mend the line, or move what it does into the function that \
                       the trigger calls";

/// Adds what to do, and changes the code where the message tells one that says more.
pub(super) fn advise(error: WireError, parsed: &Parsed, integrations: &IntegrationDirectory) -> WireError {
    match error.code {
        // Ruff's parser took the script, so only what Python's compiler is stricter about is left.
        ErrorCode::SyntaxError => {
            let hint = error.hint.clone().unwrap_or_else(|| compiled::hint(&error.message).to_owned());
            WireError { hint: Some(hint), ..error }
        }
        ErrorCode::ImportTimeout => of_endless(error, parsed),
        ErrorCode::OutputLimit => of_too_much(error),
        ErrorCode::ImportError => of_exception(error, parsed, integrations),
        _ => error,
    }
}

/// A loop that sleeps is a scheduler of the script's own.
fn of_endless(error: WireError, parsed: &Parsed) -> WireError {
    let line = error.location.as_ref().and_then(|place| parsed.map.line_text(place.line)).unwrap_or_default();
    let hint = line
        .contains("sleep(")
        .then(|| "remove the loop: `@wren.on_schedule(every=\"1m\")` above the function takes its place".to_owned());
    let general = "move slow work from the top of the script into the function that the trigger calls";
    WireError { hint: hint.or(error.hint).or_else(|| Some(general.to_owned())), ..error }
}

fn of_exception(error: WireError, parsed: &Parsed, integrations: &IntegrationDirectory) -> WireError {
    if let Some(name) = without_module(&error.message).filter(|name| integrations.find(name).is_some()) {
        let hint = format!("it has no module of its own: write `{name} = wren.integration(\"{name}\")`");
        return WireError { hint: Some(hint), ..error };
    }
    if error.hint.is_some() {
        return error;
    }
    if let Some(name) = missing_zone(&error.message)
        && let Err(zone) = Timezone::parse(name)
    {
        let hint = zone.hint.or_else(|| Some("name a place as IANA does, such as `Europe/Dublin`".to_owned()));
        return WireError { code: ErrorCode::InvalidTimezone, message: zone.message, hint, ..error };
    }
    let line = error.location.as_ref().map_or(0, |place| place.line);
    let text = parsed.map.line_text(line).unwrap_or_default();
    let hint = undefined::hint(&error.message, line, parsed, integrations)
        .or_else(|| environment(&error.message, text))
        .or_else(|| known(&error.message).map(str::to_owned))
        .unwrap_or_else(|| GENERAL.to_owned());
    WireError { hint: Some(hint), ..error }
}

/// Returns the name that `wren` has no module for.
fn without_module(message: &str) -> Option<&str> {
    let imported =
        message.strip_prefix("ImportError: cannot import name '").and_then(|rest| rest.split_once("' from 'wren'"));
    let module =
        message.strip_prefix("ModuleNotFoundError: No module named 'wren.").and_then(|rest| rest.split_once('\''));
    imported.or(module).map(|(name, _)| name)
}

/// Returns the name that `zoneinfo` has no zone for.
fn missing_zone(message: &str) -> Option<&str> {
    let quoted = message.strip_prefix("zoneinfo._common.ZoneInfoNotFoundError: ")?;
    quoted.trim_matches(['\'', '"']).strip_prefix("No time zone found with key ")
}

/// A variable that is set on the author's machine is not set where the script runs.
fn environment(message: &str, line: &str) -> Option<String> {
    let name = message.strip_prefix("KeyError: ")?.trim_matches(['\'', '"']);
    line.contains("environ").then(|| {
        format!(
            "a script sees none of the machine's variables: write `wren.secret(\"{name}\")` within the function that uses it"
        )
    })
}

fn known(message: &str) -> Option<&'static str> {
    let hints = [
        (
            "FileNotFoundError:",
            "a script is deployed without the files beside it: write what it needs into the script, or keep it in `wren.state`",
        ),
        ("EOFError:", "nobody is there to answer: write the value into the script"),
        (
            "RuntimeError: asyncio.run() cannot be called",
            "write the handler as `async def`: the platform runs it in a loop of its own",
        ),
    ];
    hints.iter().find(|(start, _)| message.starts_with(start)).map(|(_, hint)| *hint)
}

/// Returns the code that an import's error has, whatever it says of itself: a script can raise the SDK's errors with any code
/// at its top level.
pub(super) fn code_of_import(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::SyntaxError
        | ErrorCode::ImportTimeout
        | ErrorCode::UnsupportedImport
        | ErrorCode::MemoryLimit
        | ErrorCode::OutputLimit => code,
        _ => ErrorCode::ImportError,
    }
}

/// Explains triggers that do not fit into the answer of an import, of which the executor speaks as of a result.
fn of_too_much(error: WireError) -> WireError {
    WireError {
        message: "what the script declares is too large to be read".to_owned(),
        hint: Some("give the decorators short arguments, and keep data within the functions".to_owned()),
        ..error
    }
}
