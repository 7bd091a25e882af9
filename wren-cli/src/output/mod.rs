//! What a command prints: text for people, JSON for programs, never both.

pub(crate) mod diagnostics;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod tables;
pub(crate) mod time;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use serde::Serialize;
use style::Palette;

use crate::failure::Failure;

/// Why the standard output could not be written, once it could not: what follows would be a text with a hole.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Where a command's output goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    documents: bool,
    palette: Palette,
    error_palette: Palette,
}

impl Output {
    /// Makes the output of this process: colours only towards a terminal, and never against `NO_COLOR`.
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            documents: true,
            palette: Palette::new(wanted && io::stdout().is_terminal()),
            error_palette: Palette::new(wanted && io::stderr().is_terminal()),
        }
    }

    /// Returns an output that prints no documents: the command prints one at its end.
    pub(crate) fn text_only(self) -> Self {
        Self { documents: false, ..self }
    }

    /// Says whether the output is JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Returns the colours of the standard output.
    pub(crate) fn palette(self) -> Palette {
        self.palette
    }

    /// Returns the colours of the standard error.
    pub(crate) fn error_palette(self) -> Palette {
        self.error_palette
    }

    /// Prints a line for people; nothing in JSON mode.
    pub(crate) fn line(self, text: impl Display) {
        if !self.json {
            write_stdout(&format!("{text}\n"));
        }
    }

    /// Prints a line that says what went well.
    pub(crate) fn done(self, text: impl Display) {
        self.line(format_args!("{} {text}", self.palette.green("✓")));
    }

    /// Prints a line that says what did not.
    pub(crate) fn failed(self, text: impl Display) {
        self.line(format_args!("{} {text}", self.palette.red("✗")));
    }

    /// Prints one JSON document on one line; nothing in text mode.
    pub(crate) fn document(self, value: &impl Serialize) {
        if self.json && self.documents {
            write_stdout(&json::line(value));
        }
    }

    /// Prints a remark beside the output, on the standard error.
    pub(crate) fn remark(self, text: impl Display) {
        write_stderr(&format!("{} {text}\n", self.error_palette.yellow("note:")));
    }
}

/// Writes to the standard output, unless that failed before.
fn write_stdout(text: &str) {
    if LOST.get().is_some() {
        return;
    }
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // The first error stays: nothing is written after it.
        let _ = LOST.set(error);
    }
}

/// Fails when something that was printed did not arrive. A command asks at its end, one without an end now and then: it
/// ends by itself, so that what it holds is given back.
///
/// A reader that went away, as `head` does, is a quiet end: there is nobody left to write to.
pub(crate) fn arrived() -> Result<(), Failure> {
    match LOST.get() {
        None => Ok(()),
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::unheard()),
        Some(error) => Err(Failure::internal("cannot write the output", error)),
    }
}

/// Writes to the standard error; what cannot be written there has nowhere else to go.
pub(crate) fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
