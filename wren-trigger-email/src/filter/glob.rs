//! Globs in which `*` stands for any text: without an expression each, since there are many of them.

/// The texts between the stars, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Glob {
    pieces: Vec<String>,
}

impl Glob {
    /// Reads a glob without `?` that has to match a whole text, or be found in one.
    pub(super) fn new(pattern: &str, is_whole: bool) -> Self {
        let pattern = crate::mail::lower(pattern);
        let mut pieces: Vec<String> = pattern.split('*').map(str::to_owned).collect();
        if !is_whole {
            // As if there were a star on either side.
            pieces.insert(0, String::new());
            pieces.push(String::new());
        }
        Self { pieces }
    }

    /// Says whether a text in lower case matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (first, last, middle) = match self.pieces.as_slice() {
            [] => return text.is_empty(),
            [only] => return text == only,
            [first, middle @ .., last] => (first, last, middle),
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        // The leftmost place of each leaves the most room for the next.
        for piece in middle {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        true
    }

    /// Returns the whole text, for a glob that matches nothing else.
    pub(super) fn exact(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Returns what every match ends with.
    pub(super) fn suffix(&self) -> &str {
        self.pieces.last().map_or("", String::as_str)
    }

    /// Returns the longest text that is in every match.
    pub(super) fn longest(&self) -> &str {
        self.pieces.iter().max_by_key(|piece| piece.len()).map_or("", String::as_str)
    }
}

/// Writes a glob as an expression.
pub(super) fn expression(pattern: &str, is_whole: bool) -> String {
    let mut expression = String::from("(?s)");
    if is_whole {
        expression.push_str("\\A");
    }
    for character in pattern.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other => expression.push_str(&regex_syntax::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    if is_whole {
        expression.push_str("\\z");
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, is_whole, text, expected) in [
            ("*@acme.com", true, "ada@acme.com", true),
            ("*@ACME.com", true, "ada@acme.com.evil.com", false),
            ("a*a", true, "a", false),
            ("a*a", true, "aa", true),
            ("*b*a*", true, "abcab", true),
            ("ada@acme.com", true, "ada@acme.com", true),
            ("*", true, "", true),
            ("invoice*paid", false, "your invoice 7 was paid today", true),
            ("paid*invoice", false, "invoice paid", false),
            ("", false, "x", true),
        ] {
            assert_eq!(Glob::new(pattern, is_whole).matches(text), expected, "{pattern} {text}");
            let written = regex::Regex::new(&format!("(?i){}", expression(pattern, is_whole))).unwrap();
            assert_eq!(written.is_match(text), expected, "{pattern} {text}");
        }
    }
}
