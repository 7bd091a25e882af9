//! Syntax of other schedulers, and typographic characters: known, so that the refusal says what to write instead.

use super::cron_error::{CronError, quoted};
use super::cron_field::{CronField, WEEKDAYS};
use super::cron_piece::Piece;

/// Tells the author of a Quartz expression, or of one with typographic characters, what to write instead.
pub(super) fn refuse(field: CronField, entry: Piece<'_>) -> Result<(), CronError> {
    let fault =
        |span, message: String, hint: &str| Err(CronError::syntax(Some(field), span, message, Some(hint.to_owned())));
    if let Some((offset, character)) = entry.text.char_indices().find(|(_, c)| !c.is_ascii()) {
        let start = entry.start + offset;
        let hint = match character {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => "ranges are written with a plain `-`",
            '\u{2217}' | '\u{ff0a}' | '\u{d7}' => "any value is written with a plain `*`",
            _ => "use plain letters, digits and `*,-/` only",
        };
        let message = format!("`{}` is not an ascii character", character.escape_debug());
        return fault(start..start + character.len_utf8(), message, hint);
    }
    if entry.text.contains('?') {
        return fault(entry.span(), "`?` is not supported".to_owned(), "use `*` instead");
    }
    if entry.text.contains('#') {
        return fault(
            entry.span(),
            format!("{} is not supported: cron has no nth weekday", quoted(entry.text)),
            "run on that weekday every week, and return early in the script unless the date fits",
        );
    }
    let upper = entry.text.to_ascii_uppercase();
    let digits_then = |letters: &[&str]| letters.contains(&upper.trim_start_matches(|c: char| c.is_ascii_digit()));
    match field {
        CronField::DayOfMonth if upper == "L" || upper == "LW" || upper.starts_with("L-") => fault(
            entry.span(),
            format!("{} is not supported: cron has no last day of the month", quoted(entry.text)),
            "use `28-31`, and return early in the script unless tomorrow is the first",
        ),
        CronField::DayOfMonth if digits_then(&["W"]) => fault(
            entry.span(),
            format!("{} is not supported: cron has no nearest working day", quoted(entry.text)),
            "run on `mon-fri`, and return early in the script unless the date fits",
        ),
        CronField::DayOfWeek if digits_then(&["L"]) || is_last_weekday(&upper) => fault(
            entry.span(),
            format!("{} is not supported: cron has no last weekday of the month", quoted(entry.text)),
            "run on that weekday every week, and return early in the script unless the date fits",
        ),
        _ => Ok(()),
    }
}

fn is_last_weekday(upper: &str) -> bool {
    upper.strip_suffix('L').is_some_and(|name| WEEKDAYS.iter().any(|day| day.eq_ignore_ascii_case(name)))
}
