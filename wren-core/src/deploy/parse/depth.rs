//! A bound on nesting, checked before the parser builds a tree that is as deep as the script says.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// CPython refuses more than 200 brackets and 100 levels of indentation; operators and calls that follow one another
/// deepen the tree just as well, and walking or dropping it recurses once for each: a megabyte of `-` would otherwise
/// overflow the stack and end the host's process.
pub(super) const MAX_DEPTH: usize = 400;

/// Returns the line, from 1, on which the script nests deeper than [`MAX_DEPTH`].
pub(super) fn too_deep(text: &str) -> Option<usize> {
    if !exceeds(text) {
        return None;
    }
    // The lexer tells no places, so the first prefix that is too deep is searched for; prefixes only get deeper.
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).chain([text.len()]).collect();
    Some(ends.partition_point(|end| !exceeds(&text[..*end])) + 1)
}

/// What may nest within one bracket: what a comma ends, and what it does not, since lambdas have commas of their own.
#[derive(Debug, Default, Clone, Copy)]
struct Level {
    until_comma: usize,
    until_close: usize,
}

/// Says whether the depth, estimated from above, is over the bound: all that can deepen the tree counts.
fn exceeds(text: &str) -> bool {
    let mut lexer = lexer::lex(text, Mode::Module);
    let mut indents = 0_usize;
    let mut levels = vec![Level::default()];
    let mut total = 0_usize;
    loop {
        let kind = lexer.next_token();
        match kind {
            TokenKind::EndOfFile => return false,
            TokenKind::Indent => indents += 1,
            TokenKind::Dedent => indents = indents.saturating_sub(1),
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                levels.push(Level { until_comma: 0, until_close: 1 });
                total += 1;
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace if levels.len() > 1 => {
                let level = levels.pop().unwrap_or_default();
                // The bracket may have been a call or a subscript, on which the next one is built.
                total = total + 1 - level.until_comma - level.until_close;
                current(&mut levels).until_comma += 1;
            }
            TokenKind::Newline => {
                levels = vec![Level::default()];
                total = 0;
            }
            TokenKind::Semi if levels.len() == 1 => {
                levels = vec![Level::default()];
                total = 0;
            }
            TokenKind::Comma => {
                let level = current(&mut levels);
                total -= std::mem::take(&mut level.until_comma);
            }
            TokenKind::Lambda | TokenKind::If | TokenKind::Else => {
                current(&mut levels).until_close += 1;
                total += 1;
            }
            TokenKind::Await => {
                current(&mut levels).until_comma += 1;
                total += 1;
            }
            kind if kind.is_operator() => {
                current(&mut levels).until_comma += 1;
                total += 1;
            }
            _ => {}
        }
        if indents + total > MAX_DEPTH {
            return true;
        }
    }
}

fn current(levels: &mut Vec<Level>) -> &mut Level {
    if levels.is_empty() {
        levels.push(Level::default());
    }
    let last = levels.len() - 1;
    &mut levels[last]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_nest_is_bounded() {
        let n = 100_000;
        for deep in [
            format!("x = {}1", "-".repeat(n)),
            format!("x = {}1", "not ".repeat(n)),
            format!("x = 1{}", "+1".repeat(n)),
            format!("x = a{}", ".b".repeat(n)),
            format!("x = a{}", "()".repeat(n)),
            format!("x = a{}", "[0]".repeat(n)),
            format!("x = {}{}", "(".repeat(n), ")".repeat(n)),
            format!("x = {}", "[1, ".repeat(n)),
            format!("x = {}1", "lambda a, b: ".repeat(n)),
            format!("x = {}", "1 if 1 else ".repeat(n)),
            format!("x = {}1", "await ".repeat(n)),
            format!("x = 1{}", " ** 1".repeat(n)),
            (0..1000).map(|level| format!("{}if x:\n", " ".repeat(level))).collect(),
        ] {
            assert!(too_deep(&format!("y = 1\n{deep}")).is_some(), "{}", &deep[..20]);
        }
        assert_eq!(too_deep(&format!("y = 1\n\nx = {}1\n", "-".repeat(n))), Some(3));
    }

    #[test]
    fn what_is_long_and_flat_is_fine() {
        let rows = "    {\"id\": 1, \"name\": f(\"a\", -1), \"tags\": [\"x\", \"y\"]},\n".repeat(5000);
        assert_eq!(too_deep(&format!("rows = [\n{rows}]\n")), None);
        assert_eq!(too_deep(&"x = f(1)(2).a; ".repeat(5000)), None);
        assert_eq!(too_deep(&format!("call({})\n", "a=lambda x: -x, ".repeat(300))), None);
        assert_eq!(too_deep(&"def f(a, b=1):\n    if a:\n        return a\n".repeat(5000)), None);
    }
}
