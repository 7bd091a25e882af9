//! Which bracket is closed by which: what blames a missing `)` on its `(` and not on the line after.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// An opening bracket.
#[derive(Debug)]
pub(super) struct Bracket {
    pub(super) range: TextRange,
    pub(super) opener: char,
    pub(super) closer: char,
    /// Where it stops to count: at its closer, or where the parser gave it up.
    end: Option<TextSize>,
    closed: bool,
}

/// The brackets of a script, in the order of the source.
#[derive(Debug)]
pub(super) struct Brackets(Vec<Bracket>);

impl Brackets {
    pub(super) fn read(tokens: &Tokens) -> Self {
        let mut brackets: Vec<Bracket> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for token in tokens {
            match token.kind() {
                TokenKind::Newline => {
                    for index in open.drain(..) {
                        brackets[index].end = Some(token.start());
                    }
                }
                kind => {
                    if let Some((opener, closer)) = pair(kind) {
                        open.push(brackets.len());
                        brackets.push(Bracket { range: token.range(), opener, closer, end: None, closed: false });
                    } else if let Some(closer) = closing(kind)
                        && let Some(index) = open.pop_if(|index| brackets[*index].closer == closer)
                    {
                        brackets[index].end = Some(token.start());
                        brackets[index].closed = true;
                    }
                }
            }
        }
        Self(brackets)
    }

    /// Returns the innermost bracket around an offset, if nothing ever closes it.
    pub(super) fn unclosed_around(&self, offset: TextSize) -> Option<&Bracket> {
        let before = self.0.partition_point(|bracket| bracket.range.start() < offset);
        self.0[..before]
            .iter()
            .rev()
            .find(|bracket| bracket.end.is_none_or(|end| offset <= end))
            .filter(|bracket| !bracket.closed)
    }
}

const fn pair(kind: TokenKind) -> Option<(char, char)> {
    match kind {
        TokenKind::Lpar => Some(('(', ')')),
        TokenKind::Lsqb => Some(('[', ']')),
        TokenKind::Lbrace => Some(('{', '}')),
        _ => None,
    }
}

const fn closing(kind: TokenKind) -> Option<char> {
    match kind {
        TokenKind::Rpar => Some(')'),
        TokenKind::Rsqb => Some(']'),
        TokenKind::Rbrace => Some('}'),
        _ => None,
    }
}
