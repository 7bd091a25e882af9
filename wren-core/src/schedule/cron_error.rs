//! What is wrong with a cron expression, told so that its author can mend it alone.

use std::fmt;
use std::ops::Range;

use super::cron_field::CronField;
use crate::error::ErrorCode;

/// Says which promise of a cron expression is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CronErrorKind {
    /// The text does not follow crontab(5).
    Syntax,
    /// The text is well formed, but names only dates that no calendar has, such as 30 February.
    NeverFires,
}

impl CronErrorKind {
    /// Returns the code under which the fault is reported.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Syntax => ErrorCode::InvalidCron,
            Self::NeverFires => ErrorCode::CronNeverFires,
        }
    }
}

/// One fault of a cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CronError {
    /// Which promise is broken.
    pub kind: CronErrorKind,
    /// The field at fault, or none when the fault is the expression's as a whole.
    pub field: Option<CronField>,
    /// The faulty part, in byte offsets of the text that was given. Both ends lie on character borders.
    pub span: Range<usize>,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// How to mend it, when there is a good guess.
    pub hint: Option<String>,
}

impl CronError {
    pub(super) fn syntax(
        field: Option<CronField>,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self { kind: CronErrorKind::Syntax, field, span, message: message.into(), hint }
    }
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CronError {}

/// Quotes a piece of someone's text for a message: short, and with nothing that could disturb a terminal.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST_CHARS: usize = 40;
    let mut shown = String::from("`");
    for (position, character) in text.chars().enumerate() {
        if position == LONGEST_CHARS {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('`');
    shown
}
