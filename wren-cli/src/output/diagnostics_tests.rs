use serde_json::json;
use wren_core::Location;

use super::*;

fn finding(code: &str, message: &str, location: Option<Location>) -> Problem {
    Problem { code: code.to_owned(), message: message.to_owned(), location, ..Problem::default() }
}

fn place(line: u32, column: u32, end: Option<u32>) -> Option<Location> {
    Some(Location { line, column: Some(column), end_column: end, snippet: None })
}

fn shown(failure: &Failure) -> String {
    report(failure, Palette::new(false))
}

#[test]
fn one_finding_shows_its_line_a_caret_range_and_the_hint() {
    let problem = finding("INVALID_CRON", "`0 9 * *` has 4 fields, cron needs 5", place(3, 19, Some(28)))
        .with_hint("did you mean `0 9 * * *`?");
    let source = "import wren\n\n@wren.on_schedule(\"0 9 * *\")\ndef daily(): ...\n";
    let failure = Failure::from(problem).in_script("script.py", source.as_bytes());
    insta::assert_snapshot!(shown(&failure), @r#"
    error[INVALID_CRON]: `0 9 * *` has 4 fields, cron needs 5
     --> script.py:3:19
      |
    3 | @wren.on_schedule("0 9 * *")
      |                   ^^^^^^^^^
      = hint: did you mean `0 9 * * *`?
    "#);
}

#[test]
fn a_hint_of_several_lines_is_shown_in_lines() {
    let problem = finding("SCRIPT_EXCEPTION", "no settings", place(1, 1, None)).with_hint("write\nCHANNEL = \"#ops\"");
    let text = shown(&Failure::from(problem));
    assert!(text.contains("  = hint: write\n    CHANNEL = \"#ops\"\n"), "{text}");
}

#[test]
fn several_findings_are_counted_at_the_end() {
    let list = [
        finding("SYNTAX_ERROR", "expected an expression", place(1, 5, None)),
        finding("SYNTAX_ERROR", "unterminated string literal", place(12, 1, Some(4))),
    ];
    let mut problem = list[0].clone();
    problem.details.insert("diagnostics".to_owned(), json!(list));
    problem.correlation_id = Some("corr_1".to_owned());
    let source = "x = \n".to_owned() + &"\n".repeat(10) + "'ab";
    let failure = Failure::from(problem).in_script("a.py", source.as_bytes());
    insta::assert_snapshot!(shown(&failure), @r"
    error[SYNTAX_ERROR]: expected an expression
     --> a.py:1:5
      |
    1 | x = 
      |     ^

    error[SYNTAX_ERROR]: unterminated string literal
      --> a.py:12:1
       |
    12 | 'ab
       | ^^^

    correlation id: corr_1
    2 errors found
    ");
}

#[test]
fn carets_stand_under_wide_letters_and_after_tabs() {
    assert_eq!(line_and_caret("漢字 = x", Some(6), Some(7)), ("漢字 = x".to_owned(), Some("       ^".to_owned())));
    assert_eq!(line_and_caret("\tab", Some(2), Some(4)), ("    ab".to_owned(), Some("    ^^".to_owned())));
}

#[test]
fn a_long_line_is_shown_around_its_finding() {
    let line = "x".repeat(1_000);
    let (text, caret) = line_and_caret(&line, Some(501), Some(503));
    assert!(text.starts_with('…') && text.ends_with('…'));
    assert_eq!(text.chars().count(), WIDEST_LINE + 2);
    assert_eq!(caret.unwrap().trim_start(), "^^");
}

#[test]
fn a_place_that_the_script_does_not_have_is_no_panic() {
    let failure = Failure::from(finding("X", "m", place(900, 900, Some(1)))).in_script("a.py", b"x");
    assert!(shown(&failure).contains("a.py:900:900"));
    let (_, caret) = line_and_caret("x", Some(0), Some(0));
    assert_eq!(caret.as_deref(), Some("^"));
    let (_, caret) = line_and_caret("", Some(9), None);
    assert_eq!(caret.as_deref(), Some("^"));
}

#[test]
fn a_traceback_and_the_page_to_act_on_are_shown_without_their_control_characters() {
    let mut problem = finding("SCRIPT_EXCEPTION", "ValueError: \u{1b}[2J", None);
    problem.traceback = Some("Traceback (most recent call last):\n  File \"script.py\", line 2".to_owned());
    problem.action_url = Some("https://wrens.ie/integrations/gmail/setup".to_owned());
    insta::assert_snapshot!(shown(&problem.into()), @r#"
    error[SCRIPT_EXCEPTION]: ValueError: \u{1b}[2J
      | Traceback (most recent call last):
      |   File "script.py", line 2
      = act: https://wrens.ie/integrations/gmail/setup
    "#);
}
