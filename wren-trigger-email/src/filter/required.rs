//! What every match of an expression contains.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::mail::lower;

/// Returns a text in lower case that stands in every match of an expression, in lower case; the longest that is easily found.
pub(super) fn required(pattern: &str, deepest: u32) -> Option<String> {
    let parsed = ParserBuilder::new().case_insensitive(true).nest_limit(deepest).build().parse(pattern).ok()?;
    let mut runs = Runs::default();
    runs.walk(&parsed);
    runs.cut();
    Some(runs.longest).filter(|longest| !longest.is_empty())
}

/// The characters that follow each other in every match.
#[derive(Default)]
struct Runs {
    current: String,
    longest: String,
}

impl Runs {
    /// It calls itself only as deep as groups may be nested.
    fn walk(&mut self, hir: &Hir) {
        match hir.kind() {
            // They match between characters.
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => self.current.push_str(&lower(text)),
                Err(_) => self.cut(),
            },
            HirKind::Class(class) => match sole(class) {
                Some(character) => self.current.push_str(&character),
                None => self.cut(),
            },
            HirKind::Capture(group) => self.walk(&group.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.walk(part)),
            HirKind::Repetition(repetition) => {
                self.cut();
                if repetition.min > 0 {
                    self.walk(&repetition.sub);
                    self.cut();
                }
            }
            HirKind::Alternation(_) => self.cut(),
        }
    }

    /// Ends a run.
    fn cut(&mut self) {
        let run = std::mem::take(&mut self.current);
        if run.len() > self.longest.len() {
            self.longest = run;
        }
    }
}

/// Returns the one character that all of a class are in lower case, as those of `k` without regard to case are.
fn sole(class: &Class) -> Option<String> {
    let Class::Unicode(class) = class else { return None };
    let mut characters = class
        .ranges()
        .iter()
        .flat_map(|range| range.start()..=range.end())
        .map(|one| lower(one.encode_utf8(&mut [0; 4])));
    let first = characters.next()?;
    // The first that differs ends it: a class may be of all characters.
    characters.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_every_match_contains_is_found() {
        for (pattern, expected) in [
            ("invoice", Some("invoice")),
            ("In(voi)ce", Some("invoice")),
            (r"\bOrder #\d+ paid$", Some("order #")),
            ("a|b", None),
            ("x*", None),
            ("(?:abc)+", Some("abc")),
            ("(?:abc)?d", Some("d")),
            ("ÜBERGRÖẞE", Some("übergröße")),
            ("(?-i)ABC", Some("abc")),
            ("ſtrange", Some("trange")),
            (".", None),
        ] {
            assert_eq!(required(pattern, 50).as_deref(), expected, "{pattern}");
        }
    }
}
