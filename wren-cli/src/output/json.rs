//! JSON output; `JSON.md` documents the shapes.

use serde::Serialize;

/// Returns a value as one line of JSON with its line break.
pub(crate) fn line(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_document_is_one_line_whatever_it_holds() {
        let line = super::line(&serde_json::json!({"text": "a\nb\u{1b}[31m"}));
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains('\u{1b}'));
    }
}
