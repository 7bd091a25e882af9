//! Syntax errors: all of them, each with what the agent should write instead.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_python_parser::{InterpolatedStringErrorType, LexicalErrorType, ParseError, ParseErrorType};
use ruff_text_size::{Ranged, TextLen, TextRange};

use super::super::location::SourceMap;
use super::brackets::Brackets;
use crate::error::{Error, ErrorCode};

/// A text that is no Python at all makes an error of every line; nobody reads more than these.
const MOST_ERRORS: usize = 50;

/// How the parser's message begins when nothing is indented below a `def`, an `if` and the like.
const NO_BLOCK: &str = "Expected an indented block";

/// Makes the diagnostics of what the parser found: the first of each line, without those that only follow from one, and
/// without those of lines that have one already.
pub(super) fn diagnostics(errors: &[ParseError], tokens: &Tokens, map: &SourceMap, known: &[u32]) -> Vec<Error> {
    let brackets = Brackets::read(tokens);
    let mut found: Vec<(TextRange, &ParseErrorType)> =
        errors.iter().map(|error| (error.location, &error.error)).collect();
    found.sort_by_key(|(range, _)| (range.start(), range.end()));
    // The first of each line is enough, and finding the bracket to blame for it is not free.
    found.dedup_by_key(|(range, _)| map.line_of(range.start()));
    let more = found.len().saturating_sub(MOST_ERRORS);
    let mut diagnostics: Vec<Error> = Vec::new();
    let mut lines: Vec<u32> = known.to_vec();
    for (range, kind) in found.into_iter().take(MOST_ERRORS) {
        let error = explain(range, kind, &brackets, map);
        let Some(line) = error.location().map(|place| place.line) else { continue };
        let follows = match kind {
            ParseErrorType::UnexpectedIndentation => lines.contains(&line.saturating_sub(1)),
            ParseErrorType::ExpectedToken { expected: TokenKind::Dedent, .. } => !lines.is_empty(),
            ParseErrorType::OtherError(message) if message.starts_with(NO_BLOCK) => {
                // The line that began the block was none to begin with.
                let before = (1..line).rev().find(|line| !map.line_text(*line).unwrap_or_default().trim().is_empty());
                before.is_some_and(|before| lines.contains(&before))
            }
            _ => false,
        };
        if !follows && !lines.contains(&line) {
            lines.push(line);
            diagnostics.push(error);
        }
    }
    if more > 0
        && let Some(last) = diagnostics.pop()
    {
        diagnostics.push(last.with_detail("further_errors", more));
    }
    diagnostics
}

fn explain(range: TextRange, kind: &ParseErrorType, brackets: &Brackets, map: &SourceMap) -> Error {
    if let Some((bracket, opener, closer)) = never_closed(range, kind, brackets, map) {
        return Error::new(ErrorCode::SyntaxError, format!("`{opener}` is never closed"))
            .with_hint(format!("add the `{closer}` that is missing"))
            .with_location(map.locate(bracket));
    }
    if let Some(brace) = open_brace(range, kind, brackets, map) {
        return Error::new(ErrorCode::SyntaxError, "`{` of the f-string is never closed")
            .with_hint("close it with `}`; a brace as text is written `{{`")
            .with_location(map.locate(brace));
    }
    let line = map.line_text(map.line_of(range.start())).unwrap_or_default();
    if matches!(kind, ParseErrorType::SimpleStatementsOnSameLine) && is_prose(line) {
        return Error::new(ErrorCode::SyntaxError, "this line is text and no Python")
            .with_hint("remove it, or begin it with `#`")
            .with_location(map.locate(TextRange::at(map.line_start(map.line_of(range.start())), line.text_len())));
    }
    let error = Error::new(ErrorCode::SyntaxError, message(kind, map.slice(range)));
    let hint = hint(kind, line, map.slice(range), after(map, range));
    // The parser stops where it can go on no longer, which is often one step behind the mistake.
    let hint = hint.unwrap_or_else(|| "look at the marked place and at what stands just before it".to_owned());
    error.with_hint(hint).with_location(map.locate(range))
}

/// Finds the bracket that is to blame: the innermost one around the error, when nothing closes it and the error is where
/// the parser lost patience, not before.
fn never_closed(
    range: TextRange,
    kind: &ParseErrorType,
    brackets: &Brackets,
    map: &SourceMap,
) -> Option<(TextRange, char, char)> {
    let bracket = brackets.unclosed_around(range.start())?;
    let at_end = matches!(
        kind,
        ParseErrorType::ExpectedToken { found: TokenKind::Newline | TokenKind::EndOfFile, .. }
            | ParseErrorType::Lexical(LexicalErrorType::Eof)
    );
    let later = map.line_of(range.start()) > map.line_of(bracket.range.start());
    (at_end || later).then_some((bracket.range, bracket.opener, bracket.closer))
}

/// Finds the brace that an f-string does not close on its line: the quote that was to end the string begins another in it.
fn open_brace(range: TextRange, kind: &ParseErrorType, brackets: &Brackets, map: &SourceMap) -> Option<TextRange> {
    if !matches!(kind, ParseErrorType::Lexical(LexicalErrorType::UnclosedStringError)) {
        return None;
    }
    let bracket = brackets.unclosed_around(range.start())?;
    let line = map.line_of(range.start());
    if bracket.opener != '{' || map.line_of(bracket.range.start()) != line {
        return None;
    }
    let before = map.slice(TextRange::new(map.line_start(line), bracket.range.start()));
    let is_formatted = ["f\"", "f'", "F\"", "F'"].iter().any(|opener| before.contains(opener));
    is_formatted.then_some(bracket.range)
}

/// Recognises what a model writes around its code, such as `Here is the script:`.
fn is_prose(line: &str) -> bool {
    let mut words = line.split_whitespace();
    line.starts_with(|c: char| c.is_ascii_uppercase())
        && words.clone().count() >= 3
        && words.all(|word| word.chars().all(|c| c.is_alphabetic() || "'’,.:!-".contains(c)))
}

fn after(map: &SourceMap, range: TextRange) -> &str {
    map.text().get(usize::from(range.start())..).unwrap_or_default()
}

fn message(kind: &ParseErrorType, text: &str) -> String {
    match kind {
        ParseErrorType::Lexical(LexicalErrorType::UnrecognizedToken { tok }) => {
            format!("`{}` (U+{:04X}) is not a character of Python", tok.escape_debug(), u32::from(*tok))
        }
        ParseErrorType::SimpleStatementsOnSameLine => "two statements stand on one line".to_owned(),
        ParseErrorType::OtherError(other) if other == "Expected a statement" && !text.trim().is_empty() => {
            format!("`{}` cannot begin a statement here", text.trim())
        }
        other => {
            let text = other.to_string().replace("found newline", "found the end of the line");
            let mut characters = text.chars();
            match (characters.next(), text.chars().nth(1)) {
                // "IPython" and the like keep their capitals.
                (Some(first), Some(second)) if second.is_lowercase() => {
                    first.to_lowercase().collect::<String>() + characters.as_str()
                }
                _ => text,
            }
        }
    }
}

fn hint(kind: &ParseErrorType, line: &str, text: &str, rest: &str) -> Option<String> {
    let bare = line.trim_start();
    if bare.starts_with("```") {
        return Some("remove the Markdown fence: a script is Python only".to_owned());
    }
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| bare.starts_with(mark)) {
        return Some("this is a mark of a merge conflict: resolve it".to_owned());
    }
    let word = bare.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let hint = match kind {
        ParseErrorType::ExpectedToken { expected: TokenKind::Colon, found } => match found {
            TokenKind::Newline => "end the line with `:`",
            TokenKind::Equal => "compare with `==`",
            TokenKind::If if word == "else" => "write `elif`",
            TokenKind::Rbrace | TokenKind::Comma => "give every key a value, as in `key: value`",
            _ => "a `:` is missing here",
        },
        ParseErrorType::ExpectedToken { expected: TokenKind::Comma, .. } if rest.starts_with(bare) => {
            "is a comma missing at the end of the line before?"
        }
        ParseErrorType::ExpectedToken { expected: TokenKind::Comma, .. } => "is a comma missing here?",
        ParseErrorType::ExpectedToken { expected: TokenKind::Rpar, .. } if word == "for" => "write `for name in list:`",
        ParseErrorType::ExpectedToken { expected, .. } => return Some(format!("{expected} is missing here")),
        ParseErrorType::UnexpectedIndentation if mixes_tabs(line) || line.starts_with('\t') => {
            "tabs and spaces are mixed: indent with 4 spaces for each level"
        }
        ParseErrorType::UnexpectedIndentation => "begin the line where the line before it begins",
        ParseErrorType::Lexical(LexicalErrorType::IndentationError) if mixes_tabs(line) || line.starts_with('\t') => {
            "tabs and spaces are mixed: indent with 4 spaces for each level"
        }
        ParseErrorType::Lexical(LexicalErrorType::IndentationError) => {
            "indent the line as one of the blocks before it, with spaces only"
        }
        ParseErrorType::OtherError(message) if message.starts_with(NO_BLOCK) => {
            "indent the body by 4 spaces, or write `pass`"
        }
        ParseErrorType::OtherError(message) if message.contains("`except` or `finally`") => {
            "add an `except` block after the `try` block"
        }
        ParseErrorType::OtherError(message) if message.contains("decimal integer") => {
            "a number does not begin with 0; octal is written `0o17`"
        }
        ParseErrorType::OtherError(_) => return statement_hint(text),
        ParseErrorType::Lexical(LexicalErrorType::OtherError(message)) if message.contains("decimal integer") => {
            "a number does not begin with 0; octal is written `0o17`"
        }
        ParseErrorType::Lexical(lexical) => return lexical_hint(lexical, text),
        ParseErrorType::FStringError(error) | ParseErrorType::TStringError(error) => return brace_hint(error),
        ParseErrorType::SimpleStatementsOnSameLine => match word {
            "print" | "exec" => return Some(format!("`{word}` is a function: write `{word}(…)`")),
            "const" | "let" | "var" => return Some(format!("leave `{word}` out: `name = value`")),
            _ => "an operator, a comma or a line break is missing",
        },
        ParseErrorType::ExpectedExpression if rest.starts_with('&') => "write `and`",
        ParseErrorType::ExpectedExpression if rest.starts_with('|') => "write `or`",
        ParseErrorType::ExpectedExpression if rest.starts_with('=') => "compare with `==`, assign with one `=`",
        ParseErrorType::ExpectedExpression if line.trim_end().ends_with("++") => "write `+= 1`",
        ParseErrorType::ExpectedExpression if text.trim().is_empty() => "the expression is not complete",
        ParseErrorType::PositionalAfterKeywordArgument => "put the arguments without a name first",
        ParseErrorType::NonDefaultParamAfterDefaultParam => "put the parameters without a default first",
        ParseErrorType::InvalidAssignmentTarget => "a name stands on the left of `=`; compare with `==`",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn statement_hint(text: &str) -> Option<String> {
    match text {
        "else" | "elif" | "except" | "finally" | "case" => {
            Some(format!("`{text}` belongs to a block above at the same indentation, and there is none"))
        }
        ")" | "]" | "}" => Some(format!("remove the `{text}`, or open it before")),
        "!" => Some("write `not`".to_owned()),
        _ => None,
    }
}

fn lexical_hint(error: &LexicalErrorType, text: &str) -> Option<String> {
    match error {
        LexicalErrorType::UnclosedStringError => {
            let quote = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|mark| quote.starts_with(mark)).unwrap_or("\"");
            Some(format!("close the string with `{quote}`"))
        }
        LexicalErrorType::UnrecognizedToken { tok } => Some(match tok {
            '?' => "write a choice as `a if condition else b`".to_owned(),
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => "use the plain quotes `'` and `\"`".to_owned(),
            '\u{a0}' | '\u{200b}' | '\u{feff}' => "replace the invisible character with a space".to_owned(),
            '\u{2013}' | '\u{2014}' | '\u{2212}' => "use the plain minus `-`".to_owned(),
            _ => "remove it, or put it into a string".to_owned(),
        }),
        LexicalErrorType::FStringError(error) | LexicalErrorType::TStringError(error) => brace_hint(error),
        LexicalErrorType::LineContinuationError => Some("nothing may follow `\\` on its line".to_owned()),
        LexicalErrorType::InvalidByteLiteral => Some("write `\"…\".encode()`".to_owned()),
        LexicalErrorType::Eof => Some("the script ends in the middle of a statement".to_owned()),
        _ => None,
    }
}

fn brace_hint(error: &InterpolatedStringErrorType) -> Option<String> {
    let hint = match error {
        InterpolatedStringErrorType::UnclosedLbrace => "close it with `}`; a brace as text is written `{{`",
        InterpolatedStringErrorType::SingleRbrace => "a brace as text is written `}}`",
        InterpolatedStringErrorType::UnterminatedString
        | InterpolatedStringErrorType::UnterminatedTripleQuotedString => "close the string",
        InterpolatedStringErrorType::LambdaWithoutParentheses => "put the lambda into parentheses",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn mixes_tabs(line: &str) -> bool {
    let indent = &line[..line.len() - line.trim_start().len()];
    indent.contains('\t') && indent.contains(' ')
}

/// Returns the lines that syntax errors stand on, so that nothing else is read out of them.
pub(super) fn lines(errors: &[ParseError], map: &SourceMap) -> impl Iterator<Item = u32> {
    errors.iter().map(|error| map.line_of(error.range().start()))
}
