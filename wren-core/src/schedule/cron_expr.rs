//! Cron expressions as crontab(5) means them.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calendar::{CronSet, HORIZON_YEARS};
use super::cron_error::{CronError, quoted};
use super::cron_field::{self, CronField};
use super::cron_piece::Piece;
use super::cron_spoken;
use super::cron_whole::{empty, never_fires, wrong_count};
use super::words;
use crate::suggest::nearest;

/// The nicknames of crontab(5) and what they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// More bytes than any five fields need, and few enough that a hostile text costs nothing.
const LONGEST_BYTES: usize = 1024;

/// A standard cron expression of five fields: minute, hour, day of month, month, day of week.
///
/// It follows Debian's crontab(5): `*`, values, ranges `a-b`, steps `*/n` and `a-b/n`, lists, the names `jan`-`dec` and
/// `sun`-`sat` in any case, 0 and 7 for Sunday, and the nicknames `@yearly`, `@annually`, `@monthly`, `@weekly`,
/// `@daily`, `@midnight` and `@hourly`. A day is accepted when **either** day field accepts it, unless one of the two
/// begins with `*`: then both must.
///
/// It is stricter in two places where the silent reading is never what was meant: a step without a range (`5/15`) and
/// a step larger than its field (`*/90`) are refused. Unlike the manual page's text, and like every cron in use, it
/// takes names in ranges and lists.
///
/// `Display` and serde give the source with its white space normalised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CronExpr {
    source: Box<str>,
    set: CronSet,
    follows_elapsed: bool,
}

impl CronExpr {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// The first fault, of kind `Syntax` or `NeverFires`. [`CronExpr::diagnose`]
    /// gives all of them.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        Self::read(text).map_err(|errors| {
            let mut errors = errors.into_iter();
            // A refusal always carries a reason, see `read`.
            errors.next().unwrap_or_else(|| empty(text))
        })
    }

    /// Returns every fault of an expression, in the order of the text; none when it parses.
    pub fn diagnose(text: &str) -> Vec<CronError> {
        Self::read(text).err().unwrap_or_default()
    }

    /// Returns the expression with its white space normalised.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Says whether the job follows elapsed time through a change of the clock, which by cron(8) is what a `*` at the
    /// start of the minute or hour field asks for. The other jobs run at fixed times.
    pub fn follows_elapsed_time(&self) -> bool {
        self.follows_elapsed
    }

    /// Says in English when the job is due, in lower case and without a full stop: `at 09:00 on Monday to Friday`.
    pub fn describe(&self) -> String {
        words::of(&self.set)
    }

    pub(super) fn set(&self) -> &CronSet {
        &self.set
    }

    fn read(text: &str) -> Result<Self, Vec<CronError>> {
        if text.len() > LONGEST_BYTES {
            return Err(vec![CronError::syntax(
                None,
                0..text.len(),
                format!("the expression has {} bytes, at most {LONGEST_BYTES} are read", text.len()),
                Some("share it out among several triggers".to_owned()),
            )]);
        }
        let pieces = split_fields(text);
        if let Some(first) = pieces.first()
            && first.text.starts_with('@')
        {
            return Self::read_nickname(text, &pieces, *first).map_err(|error| vec![error]);
        }
        let Ok(fields) = <[Piece<'_>; 5]>::try_from(pieces.as_slice()) else {
            return Err(vec![wrong_count(text, &pieces)]);
        };
        let (set, follows_elapsed) = read_fields(&fields).map_err(|errors| match cron_spoken::meant(text) {
            // Five words, and each of them would be a fault of its own.
            Some(hint) => {
                let message = format!("{} is not a cron expression", quoted(text.trim()));
                vec![CronError::syntax(None, 0..text.len(), message, Some(hint))]
            }
            None => errors,
        })?;
        let source = fields.map(|piece| piece.text).join(" ").into_boxed_str();
        if !fires(&set) {
            return Err(vec![never_fires(&source, &fields)]);
        }
        Ok(Self { source, set, follows_elapsed })
    }

    fn read_nickname(text: &str, pieces: &[Piece<'_>], first: Piece<'_>) -> Result<Self, CronError> {
        let known = || NICKNAMES.iter().map(|(nickname, _)| *nickname);
        let fault = |span, message, hint| Err(CronError::syntax(None, span, message, Some(hint)));
        if first.text == "@every" {
            let hint = cron_spoken::meant(text);
            let hint = hint.unwrap_or_else(|| "for a period write `every=\"15m\"` instead of an expression".to_owned());
            return fault(first.span(), "`@every` is not a nickname of cron".to_owned(), hint);
        }
        if let Some(extra) = pieces.get(1) {
            let message = format!("{} stands alone, nothing may follow it", quoted(first.text));
            return fault(extra.span(), message, format!("did you mean `{}`?", first.text));
        }
        if first.text == "@reboot" {
            let hint = "there is no machine to boot: use a time such as `@daily`, or run the script by hand";
            return fault(first.span(), "`@reboot` is not supported".to_owned(), hint.to_owned());
        }
        let Some((_, meaning)) = NICKNAMES.iter().find(|(nickname, _)| *nickname == first.text) else {
            let hint = match nearest(first.text, known()) {
                Some(nickname) => format!("did you mean `{nickname}`?"),
                None => format!("the nicknames are {}", known().collect::<Vec<_>>().join(", ")),
            };
            return fault(first.span(), format!("{} is not a nickname of cron", quoted(first.text)), hint);
        };
        let expanded = Self::parse(meaning)?;
        Ok(Self { source: first.text.into(), ..expanded })
    }
}

fn split_fields(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::with_capacity(5);
    let mut start = 0;
    for word in text.split(|c: char| c.is_ascii_whitespace()) {
        if !word.is_empty() {
            pieces.push(Piece { text: word, start });
        }
        start += word.len() + 1;
    }
    pieces
}

/// Reads the five fields, all of them even when the first is wrong.
fn read_fields(fields: &[Piece<'_>; 5]) -> Result<(CronSet, bool), Vec<CronError>> {
    let mut errors = Vec::new();
    let mut masks = [0; 5];
    for ((mask, field), piece) in masks.iter_mut().zip(CronField::ALL).zip(fields) {
        *mask = cron_field::parse(field, *piece, &mut errors);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let [minutes, hours, days, months, weekdays] = masks;
    let [minute_star, hour_star, day_star, _, weekday_star] = fields.map(|piece| piece.text.starts_with('*'));
    // The narrowing is exact: each field's values are bounded by its type.
    let set = CronSet {
        minutes,
        hours: hours as u32,
        days: days as u32,
        months: months as u16,
        weekdays: weekdays as u8,
        either_day: !day_star && !weekday_star,
    };
    Ok((set, minute_star || hour_star))
}

/// Says whether the calendar ever has a day of this set. The years from 2000 on have every kind of year in them.
fn fires(set: &CronSet) -> bool {
    const FIRST_YEAR: i32 = 2000;
    NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1)
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .and_then(|start| set.next_from(start, FIRST_YEAR + HORIZON_YEARS))
        .is_some()
}

impl FromStr for CronExpr {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for CronExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for CronExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CronExpr({:?})", self.source)
    }
}

impl Serialize for CronExpr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for CronExpr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
