//! Colours, and text that cannot harm a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    on: bool,
}

impl Palette {
    /// Makes a palette.
    pub(crate) const fn new(on: bool) -> Self {
        Self { on }
    }

    /// Says whether it colours.
    pub(crate) const fn is_on(self) -> bool {
        self.on
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn blue(self, text: &str) -> String {
        self.paint("34", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Makes a script's text safe to show: what moves a cursor, changes a colour, sets a title or reorders the letters around it
/// is shown as an escape. A log line could otherwise hide or forge what stands on the screen.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_harmful(letter) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

fn is_harmful(letter: char) -> bool {
    let reorders = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(letter, '\u{2028}' | '\u{2029}');
    (letter.is_control() && letter != '\t') || reorders || breaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(harmless("a\tb é 漢"), "a\tb é 漢");
        assert_eq!(harmless("\u{1b}[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(harmless("x\r\u{9b}31m\u{0}\u{7f}"), "x\\u{d}\\u{9b}31m\\u{0}\\u{7f}");
        assert_eq!(harmless("\u{202e}live\u{2066}"), "\\u{202e}live\\u{2066}");
    }

    #[test]
    fn without_colours_a_text_stays_as_it_is() {
        assert_eq!(Palette::new(false).red("x"), "x");
        assert_eq!(Palette::new(true).green("x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
