//! One field of a cron expression: its bounds, its names, and its text turned into a bit mask.

use std::fmt;

use super::cron_error::{CronError, quoted};
use super::cron_foreign;
use super::cron_piece::Piece;
use super::cron_spoken;
use crate::suggest::nearest;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The names of the weekdays, Sunday first.
pub(super) const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Names one of the five fields of crontab(5), in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CronField {
    /// Minute of the hour, 0-59.
    Minute,
    /// Hour of the day, 0-23.
    Hour,
    /// Day of the month, 1-31.
    DayOfMonth,
    /// Month of the year, 1-12 or `jan`-`dec`.
    Month,
    /// Day of the week, 0-7 or `sun`-`sat`, where both 0 and 7 are Sunday.
    DayOfWeek,
}

impl CronField {
    /// The five fields in the order of the text.
    pub(super) const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    fn first(self) -> u32 {
        match self {
            Self::Minute | Self::Hour | Self::DayOfWeek => 0,
            Self::DayOfMonth | Self::Month => 1,
        }
    }

    fn last(self) -> u32 {
        match self {
            Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 7,
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            Self::Minute | Self::Hour | Self::DayOfMonth => &[],
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

/// Reads one field into a mask with a bit for each value. Every faulty entry of its list is told.
///
/// Sunday is bit 0 whichever way it was written. The grammar is crontab(5)'s:
/// `list = entry {"," entry}`, `entry = ("*" | value ["-" value]) ["/" step]`, where a step needs a range or `*`
/// before it: Debian's cron refuses `5/15`, and other crons disagree on what it means.
pub(super) fn parse(field: CronField, piece: Piece<'_>, errors: &mut Vec<CronError>) -> u64 {
    let mut mask = 0;
    for entry in piece.split(',') {
        match parse_entry(field, entry) {
            Ok(bits) => mask |= bits,
            Err(error) => errors.push(error),
        }
    }
    const SUNDAY_AS_SEVEN: u64 = 1 << 7;
    if field == CronField::DayOfWeek && mask & SUNDAY_AS_SEVEN != 0 {
        mask = (mask & !SUNDAY_AS_SEVEN) | 1;
    }
    mask
}

fn parse_entry(field: CronField, entry: Piece<'_>) -> Result<u64, CronError> {
    cron_foreign::refuse(field, entry)?;
    let (base, step) = match entry.split_once('/') {
        Some((base, step)) => (base, Some(step)),
        None => (entry, None),
    };
    let step_by = step.map(|step| parse_step(field, entry, step)).transpose()?;
    let (low, high) = if base.text == "*" {
        (field.first(), field.last())
    } else if let Some((low, high)) = base.split_once('-') {
        let bounds = (parse_value(field, low)?, parse_value(field, high)?);
        ordered(field, base, bounds)?
    } else {
        let value = parse_value(field, base)?;
        if let Some(step) = step {
            return Err(CronError::syntax(
                Some(field),
                entry.span(),
                format!("{} has a step but no range", quoted(entry.text)),
                Some(format!("did you mean `{}-{}/{}`?", base.text, last_shown(field), step.text)),
            ));
        }
        (value, value)
    };
    let step_by = step_by.unwrap_or(1);
    Ok((low..=high).step_by(step_by as usize).fold(0, |mask, value| mask | 1 << value))
}

/// Returns the last value that people write: Saturday is the last day, although 7 is read as Sunday.
fn last_shown(field: CronField) -> u32 {
    match field {
        CronField::DayOfWeek => 6,
        _ => field.last(),
    }
}

fn ordered(field: CronField, range: Piece<'_>, (low, high): (u32, u32)) -> Result<(u32, u32), CronError> {
    if low <= high {
        return Ok((low, high));
    }
    // `fri-sun` is what people write, and Sunday as 7 makes it a range that runs forwards.
    if field == CronField::DayOfWeek && high == 0 {
        return Err(CronError::syntax(
            Some(field),
            range.span(),
            format!("{} runs backwards: sunday counts as 0 here", quoted(range.text)),
            Some(format!("did you mean `{low}-7`?")),
        ));
    }
    let run = |from: u32, to: u32| match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    };
    Err(CronError::syntax(
        Some(field),
        range.span(),
        format!("the {field} range {} runs backwards", quoted(range.text)),
        Some(format!(
            "did you mean `{}` or, across the end, `{},{}`?",
            run(high, low),
            run(low, last_shown(field)),
            run(field.first(), high)
        )),
    ))
}

fn parse_step(field: CronField, entry: Piece<'_>, step: Piece<'_>) -> Result<u32, CronError> {
    let fault = |message: String, hint: &str| {
        CronError::syntax(Some(field), step.span_or(entry), message, Some(hint.to_owned()))
    };
    if step.text.is_empty() || !step.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault(
            format!("{} is not a step: a step is a number", quoted(step.text)),
            "a step looks like `*/15` or `0-30/10`",
        ));
    }
    let most = last_shown(field) - field.first() + 1;
    match step.text.parse::<u32>() {
        Ok(0) => Err(fault("step 0 never moves on".to_owned(), "leave the step out, or use `/1` for every value")),
        Ok(value) if value <= most => Ok(value),
        // Cron would take such a step and silently run at the first value only.
        _ => Err(fault(
            format!("step {} is more than the {most} values of the {field} field", shorten(step.text)),
            "cron starts anew with every hour, day, month or year: for a longer period use `every`",
        )),
    }
}

fn parse_value(field: CronField, piece: Piece<'_>) -> Result<u32, CronError> {
    let text = piece.text;
    if text.is_empty() {
        return Err(CronError::syntax(
            Some(field),
            piece.span(),
            format!("a value is missing in the {field} field"),
            Some("values look like `5`, ranges like `1-5`, lists like `1,15`".to_owned()),
        ));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<u32>() {
            Ok(value) if (field.first()..=field.last()).contains(&value) => Ok(value),
            _ => Err(out_of_range(field, piece)),
        };
    }
    let named = field.names().iter().position(|name| name.eq_ignore_ascii_case(text));
    match named {
        // At most twelve names, so the position always fits.
        Some(position) => Ok(field.first() + position as u32),
        None => Err(unknown_value(field, piece)),
    }
}

fn out_of_range(field: CronField, piece: Piece<'_>) -> CronError {
    let hint = match (field, piece.text) {
        (CronField::Minute, "60") => "did you mean `0`?".to_owned(),
        (CronField::Hour, "24") => "midnight is `0`".to_owned(),
        (CronField::DayOfMonth, "0") => "days of the month count from 1".to_owned(),
        (CronField::Month, "0") => "months count from 1".to_owned(),
        _ => range_hint(field),
    };
    CronError::syntax(
        Some(field),
        piece.span(),
        format!("{field} {} is out of range {}-{}", shorten(piece.text), field.first(), field.last()),
        Some(hint),
    )
}

/// A number of a thousand digits helps nobody in a message.
fn shorten(digits: &str) -> String {
    match digits.len() {
        0..=12 => digits.to_owned(),
        _ => format!("{}…", &digits[..12]),
    }
}

fn range_hint(field: CronField) -> String {
    format!("write a value from {} to {}, or `*` for every one", field.first(), field.last())
}

/// Reads an hour as clocks show it.
fn clock_hint(field: CronField, text: &str) -> Option<String> {
    if field == CronField::Hour { cron_spoken::hour_of(text) } else { None }
}

fn unknown_value(field: CronField, piece: Piece<'_>) -> CronError {
    let text = piece.text;
    if field.names().is_empty() {
        return CronError::syntax(
            Some(field),
            piece.span(),
            format!("{} is not a number, and the {field} field takes only numbers", quoted(text)),
            Some(clock_hint(field, text).unwrap_or_else(|| range_hint(field))),
        );
    }
    let lower = text.to_ascii_lowercase();
    let meant = field
        .names()
        .iter()
        .copied()
        .find(|name| lower.starts_with(name))
        .or_else(|| nearest(text, field.names().iter().copied()));
    let hint = match meant {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the names are {}", field.names().join(", ")),
    };
    CronError::syntax(Some(field), piece.span(), format!("{} is not a {field}", quoted(text)), Some(hint))
}
