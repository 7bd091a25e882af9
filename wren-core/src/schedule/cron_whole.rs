//! What can be wrong with an expression as a whole: too few fields, too many, or dates that never come.

use super::cron_error::{CronError, CronErrorKind, quoted};
use super::cron_expr::CronExpr;
use super::cron_field::CronField;
use super::cron_piece::Piece;
use super::cron_spoken;

/// Explains an expression whose dates no calendar has.
pub(super) fn never_fires(source: &str, fields: &[Piece<'_>; 5]) -> CronError {
    let [_, _, day, month, _] = fields;
    CronError {
        kind: CronErrorKind::NeverFires,
        field: Some(CronField::DayOfMonth),
        span: day.start..month.span().end,
        message: format!(
            "{} never fires: month {} has no day {}",
            quoted(source),
            quoted(month.text),
            quoted(day.text)
        ),
        hint: Some("choose a day that the month has, such as `28`, or another month".to_owned()),
    }
}

/// Explains an expression with nothing in it.
pub(super) fn empty(text: &str) -> CronError {
    CronError::syntax(
        None,
        0..text.len(),
        "the expression is empty",
        Some("cron has five fields, minute hour day-of-month month day-of-week, such as `0 9 * * *`".to_owned()),
    )
}

/// Explains a number of fields other than five, which is how expressions of other schedulers show themselves.
pub(super) fn wrong_count(text: &str, pieces: &[Piece<'_>]) -> CronError {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return empty(text);
    };
    let span = first.start..last.span().end;
    let words: Vec<&str> = pieces.iter().map(|piece| piece.text).collect();
    let spoken = cron_spoken::meant(text);
    let hint = spoken.unwrap_or_else(|| match words.len() {
        1 => "cron has five fields, such as `0 9 * * *`; for a period such as `15m` use `every`".to_owned(),
        2..=4 => {
            let padded = words.iter().copied().chain(std::iter::repeat("*")).take(5);
            // Two stars that stand together are two fields more often than one is left out.
            let parted = text.contains("**").then(|| text.replace("**", "* *"));
            parted
                .and_then(|parted| meant(&[parted.as_str()]))
                .or_else(|| meant(&padded.collect::<Vec<_>>()))
                .unwrap_or_else(|| "the fields are minute, hour, day of month, month, day of week".to_owned())
        }
        6 => without_seconds(&words[1..])
            .or_else(|| meant(&words[..5]))
            .unwrap_or_else(|| "cron here has no seconds field and no year".to_owned()),
        7 => without_seconds(&words[1..6]).unwrap_or_else(|| "cron here has no seconds field and no year".to_owned()),
        _ => "cron takes the schedule only, without a command".to_owned(),
    });
    let noun = if words.len() == 1 { "field" } else { "fields" };
    let message = format!("{} has {} {noun}, cron needs 5", quoted(&text[span.clone()]), words.len());
    CronError::syntax(None, span, message, Some(hint))
}

/// Suggests these five fields if they are an expression. Quartz's `?` is `*` here.
fn meant(words: &[&str]) -> Option<String> {
    let candidate = words.join(" ").replace('?', "*");
    let expr = CronExpr::parse(&candidate).ok()?;
    Some(format!("did you mean `{expr}`?"))
}

fn without_seconds(words: &[&str]) -> Option<String> {
    let suggestion = meant(words)?;
    // Quartz counts Sunday as 1, so its numbers are other days here.
    let numbered = words.last().is_some_and(|day| day.bytes().any(|byte| byte.is_ascii_digit()));
    let caution = if numbered { " (weekdays: 0 is sunday, 1 is monday)" } else { "" };
    Some(format!("cron here has no seconds field: {suggestion}{caution}"))
}
