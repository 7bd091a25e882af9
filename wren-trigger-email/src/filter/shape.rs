//! What an expression is made of.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::mail::lower;

/// What an expression is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Texts in lower case of which one stands in every match, in lower case: those whose shortest is the longest that is easily
    /// found. None where there is no saying.
    pub(super) required: Vec<String>,
    /// How many characters it has once its repetitions are written out. A search may have to keep track of each of them, so that
    /// `a{1,900}b{1,900}` takes half a minute for what `a+b+` finds at once.
    pub(super) weight: usize,
}

/// Looks at an expression, whose groups are nested so deep at most; one that cannot be parsed has no shape.
pub(super) fn shape(pattern: &str, deepest: u32) -> Shape {
    let parser = ParserBuilder::new().case_insensitive(true).nest_limit(deepest).build().parse(pattern);
    let Ok(parsed) = parser else { return Shape::default() };
    let mut runs = Runs::default();
    runs.walk(&parsed);
    runs.cut();
    Shape { required: runs.best, weight: weight(&parsed) }
}

/// It calls itself only as deep as groups may be nested.
fn weight(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).map_or(literal.0.len(), |text| text.chars().count())
        }
        HirKind::Class(_) => 1,
        HirKind::Capture(group) => weight(&group.sub),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.max(1));
            weight(&repetition.sub).saturating_mul(usize::try_from(times).unwrap_or(usize::MAX))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(weight).fold(0, usize::saturating_add),
    }
}

/// How many texts there may be of which one is in every match. Each is looked for.
const MOST_REQUIRED: usize = 32;

/// The characters that follow each other in every match.
#[derive(Default)]
struct Runs {
    current: String,
    /// Of these one is in every match.
    best: Vec<String>,
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
            HirKind::Alternation(parts) => {
                self.cut();
                self.offer(alternatives(parts));
            }
        }
    }

    /// Ends a run.
    fn cut(&mut self) {
        let run = std::mem::take(&mut self.current);
        self.offer(vec![run]);
    }

    fn offer(&mut self, texts: Vec<String>) {
        let shortest = |texts: &[String]| texts.iter().map(String::len).min().unwrap_or_default();
        if shortest(&texts) > shortest(&self.best) {
            self.best = texts;
        }
    }
}

/// Returns texts of which one is in whatever matches one of the parts; none where there is no saying.
fn alternatives(parts: &[Hir]) -> Vec<String> {
    let mut all = Vec::new();
    for part in parts {
        let mut runs = Runs::default();
        runs.walk(part);
        runs.cut();
        if runs.best.is_empty() || all.len() + runs.best.len() > MOST_REQUIRED {
            return Vec::new();
        }
        all.extend(runs.best);
    }
    all
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
            ("invoice", &["invoice"][..]),
            ("In(voi)ce", &["invoice"]),
            (r"\bOrder #\d+ paid$", &["order #"]),
            ("x*", &[]),
            ("(?:abc)+", &["abc"]),
            ("(?:abc)?d", &["d"]),
            ("ÜBERGRÖẞE", &["übergröße"]),
            ("(?-i)ABC", &["abc"]),
            ("ſtrange", &["strange"]),
            (".", &[]),
            // Either of several.
            ("invoice|receipt", &["invoice", "receipt"]),
            ("(?:ticket|case) #7", &["ticket", "case"]),
            ("order (?:no|number) 17", &["order n"]),
            ("(?:urgent|(?:very )?asap)!", &["urgent", "asap"]),
            ("invoice|.", &[]),
            ("x(?:invoice|.*)", &["x"]),
        ] {
            assert_eq!(shape(pattern, 50).required, expected, "{pattern}");
        }
        let many: Vec<String> = (100..200).map(|at| format!("word{at}x")).collect();
        assert_eq!(shape(&format!("say {}", many.join("|")), 50).required.len(), 0);
    }

    #[test]
    fn repetitions_have_the_weight_of_what_they_repeat() {
        for (pattern, expected) in [
            ("", 0),
            ("a+b*", 2),
            ("a{1,900}", 900),
            ("(ab|c){2,}d", 7),
            ("(a{100}){100}", 10_000),
            ("é{0}", 0),
            (r"\w+", 1),
        ] {
            assert_eq!(shape(pattern, 50).weight, expected, "{pattern}");
        }
    }
}
