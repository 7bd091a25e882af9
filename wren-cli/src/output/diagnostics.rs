//! Errors as a person or an agent reads them: code, place, the line with a caret, the hint.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::style::{Palette, harmless};
use super::time::counted;
use crate::failure::{Failure, Problem, ScriptFile};

/// The most of a line that is shown.
const WIDEST_LINE: usize = 160;
/// How far a tab goes, so that the caret does not depend on the terminal.
const TAB: &str = "    ";

/// Returns every finding of a failure as text, and their number where there are several.
pub(crate) fn report(failure: &Failure, palette: Palette) -> String {
    let findings = failure.problem.findings();
    let mut text = String::new();
    for finding in &findings {
        write_finding(&mut text, finding, failure.script.as_deref(), palette);
    }
    if let Some(id) = &failure.problem.correlation_id {
        push(&mut text, format_args!("correlation id: {}", harmless(id)));
    }
    if findings.len() > 1 {
        let count = i64::try_from(findings.len()).unwrap_or(i64::MAX);
        push(&mut text, format_args!("{} found", palette.red(&counted(count, "error"))));
    }
    text
}

fn write_finding(text: &mut String, finding: &Problem, script: Option<&ScriptFile>, palette: Palette) {
    let code = palette.red(&format!("error[{}]", harmless(&finding.code)));
    let mut message = finding.message.lines();
    push(text, format_args!("{code}: {}", harmless(message.next().unwrap_or_default())));
    for line in message {
        push(text, format_args!("  {}", harmless(line)));
    }
    let gutter = write_place(text, finding, script, palette);
    let bar = palette.blue("=");
    if let Some(traceback) = &finding.traceback {
        for line in traceback.trim_end().lines() {
            push(text, format_args!("{gutter} {} {}", palette.blue("|"), harmless(line)));
        }
    }
    let remarks = [("hint", &finding.hint), ("act", &finding.action_url), ("docs", &finding.docs_url)];
    for (name, value) in remarks {
        let mut lines = value.iter().flat_map(|value| value.lines());
        if let Some(first) = lines.next() {
            push(text, format_args!("{gutter} {bar} {}: {}", palette.yellow(name), harmless(first)));
        }
        for line in lines {
            push(text, format_args!("{gutter}   {}", harmless(line)));
        }
    }
    text.push('\n');
}

/// Writes where a finding is, with the source line when it is known; returns the empty gutter for the lines below.
fn write_place(text: &mut String, finding: &Problem, script: Option<&ScriptFile>, palette: Palette) -> String {
    let Some(location) = &finding.location else { return " ".to_owned() };
    let number = location.line.to_string();
    let gutter = " ".repeat(number.len());
    let name = script.map_or("script.py", |script| script.name.as_str());
    let column = location.column.map_or(String::new(), |column| format!(":{column}"));
    push(text, format_args!("{gutter}{} {}:{number}{column}", palette.blue("-->"), harmless(name)));

    let local = script.and_then(|script| script.text.lines().nth(location.line.saturating_sub(1) as usize));
    let Some(line) = location.snippet.as_deref().or(local).map(|line| line.trim_end_matches('\r')) else {
        return gutter;
    };
    let bar = palette.blue("|");
    let (shown, caret) = line_and_caret(line, location.column, location.end_column);
    push(text, format_args!("{gutter} {bar}"));
    push(text, format_args!("{} {bar} {shown}", palette.blue(&number)));
    if let Some(caret) = caret {
        push(text, format_args!("{gutter} {bar} {}", palette.red(&caret)));
    }
    gutter
}

/// Returns a line as it is shown, and the carets under its range of columns.
fn line_and_caret(line: &str, column: Option<u32>, end_column: Option<u32>) -> (String, Option<String>) {
    let letters = line.chars().count();
    let start = column.map(|column| (column.saturating_sub(1) as usize).min(letters));
    // A range far into a long line is shown from shortly before it.
    let skip = start.filter(|start| *start + 20 > WIDEST_LINE).map_or(0, |start| start - 20);
    let tail = letters > skip + WIDEST_LINE;
    let mut shown = String::new();
    if skip > 0 {
        shown.push('…');
    }
    let mut caret = None;
    let mut before = 0;
    let end = end_column.map_or(0, |end| end.saturating_sub(1) as usize);
    for (place, letter) in line.chars().enumerate().skip(skip).take(WIDEST_LINE) {
        if Some(place) == start {
            before = shown.width();
        }
        match letter {
            '\t' => shown.push_str(TAB),
            letter => shown.push_str(&harmless(letter.encode_utf8(&mut [0; 4]))),
        }
        if start.is_some_and(|start| place >= start && (place < end || place == start)) {
            caret = Some(shown.width());
        }
    }
    // A place behind the last letter, where something is missing.
    if start == Some(letters) {
        before = shown.width();
        caret = Some(before + 1);
    }
    if tail {
        shown.push('…');
    }
    (shown, caret.map(|end| format!("{}{}", " ".repeat(before), "^".repeat((end - before).max(1)))))
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
#[path = "diagnostics_tests.rs"]
mod tests;
