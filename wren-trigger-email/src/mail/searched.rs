//! What filters look at.

/// How much of a body filters look at, in bytes: what a mail is about stands at its beginning, and looking for many expressions
/// takes its time.
pub(crate) const SEARCHED_BODY: usize = 64 * 1024;

/// A text as it was written, and in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) written: String,
    pub(crate) lower: String,
}

impl Text {
    pub(super) fn new(written: String) -> Self {
        Self { lower: lower(&written), written }
    }
}

/// Returns a text in lower case, character by character: what is in a text in lower case is in any text around it.
///
/// The long s is an s, as it is to expressions that disregard case: else no word with an s could be looked for in their place.
pub(crate) fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ſ' { 's' } else { letter }).collect()
}

/// What filters look at in a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Searched {
    pub(crate) subject: Text,
    /// The plain text, or the words of the HTML where there is none.
    pub(crate) body: Text,
    /// The addresses in the topmost `From`, without names.
    pub(crate) from: Vec<Text>,
    /// Those in `To` and `Cc`.
    pub(crate) to: Vec<Text>,
    pub(crate) has_attachment: bool,
}
