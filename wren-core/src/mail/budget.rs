//! How much of an email a script is given: a number of bytes as JSON writes them, shared by all that the email says.

use serde_json::Value;

/// What is left for an email to say.
#[derive(Debug)]
pub struct Budget {
    left: usize,
    is_cut: bool,
}

impl Budget {
    /// Makes a budget of so many bytes of JSON.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { left: bytes, is_cut: false }
    }

    /// Says whether something did not fit.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Notes that something is missing.
    pub fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Returns as much of a text as there is room for.
    pub fn text(&mut self, text: &str) -> String {
        // The quotes, and a comma.
        self.left = self.left.saturating_sub(3);
        for (at, character) in text.char_indices() {
            match self.left.checked_sub(written(character)) {
                Some(left) => self.left = left,
                None => {
                    self.is_cut = true;
                    return text[..at].to_owned();
                }
            }
        }
        text.to_owned()
    }

    /// Returns as many texts of a list as there is room for, none of them cut.
    pub fn texts(&mut self, texts: impl IntoIterator<Item = String>) -> Vec<String> {
        texts.into_iter().take_while(|text| self.takes(text)).collect()
    }

    /// Takes the room for a text, if there is enough for the whole of it.
    pub fn takes(&mut self, text: &str) -> bool {
        let needed = text.chars().map(written).sum::<usize>().saturating_add(3);
        match self.left.checked_sub(needed) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.is_cut = true;
                false
            }
        }
    }

    /// Does something with a quarter of what is left, so that there is room for the rest whatever it needs.
    pub fn quarter<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let mut part = Self::new(self.left / 4);
        let before = part.left;
        let result = act(&mut part);
        self.left -= before - part.left;
        self.is_cut |= part.is_cut;
        result
    }

    /// Returns a text as JSON, null when there is none.
    pub fn optional(&mut self, text: Option<&str>) -> Value {
        text.map_or(Value::Null, |text| self.text(text).into())
    }
}

/// Returns how many bytes JSON has for a character.
fn written(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_as_long_as_json_makes_it() {
        for text in ["plain", "\"quoted\" \\", "\0\u{1}\u{1f}\n\r\t\u{8}\u{c}\u{7f}", "é日😀", ""] {
            let needed = serde_json::to_string(text).unwrap().len() + 1;
            let mut budget = Budget::new(needed);
            assert_eq!((budget.text(text).as_str(), budget.is_cut(), budget.left), (text, false, 0));
            assert!(Budget::new(needed).takes(text));
            assert!(!Budget::new(needed - 1).takes(text));
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        let mut budget = Budget::new(6);
        assert_eq!((budget.text("aéé").as_str(), budget.is_cut()), ("aé", true));
        assert_eq!(budget.text("b"), "");
    }

    #[test]
    fn a_part_leaves_room_for_the_rest() {
        let mut budget = Budget::new(40);
        assert_eq!(budget.quarter(|part| part.texts(["abc".to_owned(), "def".to_owned()])), ["abc"]);
        assert!(budget.is_cut());
        assert_eq!(budget.left, 34);
    }
}
