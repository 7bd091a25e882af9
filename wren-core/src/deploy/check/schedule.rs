//! The arguments of `on_schedule`.

use chrono::{DateTime, Utc};

use super::fields::{Fault, Fields};
use super::instant::{self, DateMeans};
use super::policy;
use crate::error::ErrorCode;
use crate::model::{CatchUp, ScheduleConfig, ScriptSettings};
use crate::schedule::{CronExpr, Every, Schedule, Timezone};

const RULES: [&str; 3] = ["cron", "every", "at"];
const BOUNDS: [&str; 6] = ["timezone", "catch_up", "catch_up_window", "jitter", "start", "end"];
const DEFAULT_WINDOW_MS: u64 = 60 * 60 * 1000;

/// Reads a schedule; `None` when a fault leaves no schedule to speak of.
pub(super) fn read(fields: &mut Fields<'_>, settings: &ScriptSettings, now: DateTime<Utc>) -> Option<ScheduleConfig> {
    let known: Vec<&str> = RULES.into_iter().chain(BOUNDS).chain(policy::KEYS).collect();
    fields.refuse_unknown(&known);
    let zone = timezone(fields).unwrap_or(settings.timezone.unwrap_or_default());
    let start = bound(fields, "start", zone, DateMeans::Start);
    let end = bound(fields, "end", zone, DateMeans::End);
    let choices = [("latest", CatchUp::Latest), ("all", CatchUp::All), ("none", CatchUp::None)];
    let catch_up = fields.choice("catch_up", &choices).unwrap_or_default();
    let catch_up_window_ms = fields.duration("catch_up_window").unwrap_or(DEFAULT_WINDOW_MS);
    let jitter_ms = fields.duration("jitter").unwrap_or(0);
    let schedule = rule(fields, zone, start)?.with_start(start).with_end(end);
    if let (Some(first), Some(last)) = (start, end)
        && first > last
    {
        let hint = Some("choose an end after the start, or swap the two".to_owned());
        let fault = Fault::new(Some("end"), ErrorCode::InvalidMetadata, "end is before start", hint);
        fields.faults.push(fault);
    } else if schedule.next_after(now).is_none() {
        fields.faults.push(never_fires(fields, end, now));
    }
    Some(ScheduleConfig { schedule, catch_up, catch_up_window_ms, jitter_ms })
}

fn never_fires(fields: &Fields<'_>, end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Fault {
    let never = |key, message: &str, hint: &str| {
        Fault::new(Some(key), ErrorCode::CronNeverFires, message, Some(hint.to_owned()))
    };
    match end {
        Some(end) if end <= now => never("end", "the schedule has ended already", "choose an end in the future"),
        Some(_) => never("end", "the schedule is never due before its end", "choose a later end"),
        None if fields.has("at") => {
            never("at", "the schedule is never due: `at` has passed", "choose a time in the future")
        }
        None => never("cron", "the schedule is never due", "choose a date that comes again"),
    }
}

fn rule(fields: &mut Fields<'_>, zone: Timezone, start: Option<DateTime<Utc>>) -> Option<Schedule> {
    let given: Vec<&str> = RULES.into_iter().filter(|key| fields.has(key)).collect();
    match given.as_slice() {
        ["cron"] => {
            let text = fields.text("cron", "0 9 * * *")?;
            cron(fields, text).map(|expr| Schedule::cron(expr, zone))
        }
        ["every"] => {
            let text = match fields.value("every").and_then(|value| value.as_str()) {
                Some(text) => text,
                // The reader of durations says what a number was meant to be.
                None => return fields.duration("every").and(None),
            };
            match Every::parse(text) {
                // Aligned with the epoch unless the script says otherwise, so that a redeploy moves no due time.
                Ok(every) => Some(Schedule::every(every, start.unwrap_or(DateTime::UNIX_EPOCH))),
                Err(error) => {
                    let message = format!("every is not a period: {}", error.message);
                    let fault = Fault::new(Some("every"), ErrorCode::InvalidMetadata, message, error.hint);
                    fields.faults.push(fault.with_span(Some(error.span)));
                    None
                }
            }
        }
        // The only other one is `at`.
        [_] => {
            let text = fields.text("at", "2026-01-31T09:00:00Z")?;
            let read = instant::read("at", text, zone, DateMeans::Nothing);
            read.map(Schedule::at).map_err(|misfit| fields.misfit("at", misfit)).ok()
        }
        // What says the time in the words of another scheduler is a fault already.
        [] if fields.has_clock_words() => None,
        [] => {
            let hint = "write `@wren.on_schedule(\"0 9 * * *\")` or `@wren.on_schedule(every=\"15m\")`".to_owned();
            let message = "on_schedule says no time: it needs one of `cron`, `every` and `at`";
            fields.faults.push(Fault::new(None, ErrorCode::InvalidMetadata, message, Some(hint)));
            None
        }
        [_, second, ..] => {
            let message =
                format!("on_schedule takes one of `cron`, `every` and `at`, got {}", super::units::list(&given));
            let hint = "use one decorator for each: a function may have several".to_owned();
            let fault = Fault::new(Some(second), ErrorCode::InvalidMetadata, message, Some(hint));
            fields.faults.push(Fault { on_key: true, ..fault });
            // What is wrong with the expression is said all the same.
            if let Some(text) = fields.value("cron").and_then(|value| value.as_str()) {
                cron(fields, text);
            }
            None
        }
    }
}

/// A list of every minute has some 170 characters; each element of a longer one could be a fault of its own.
const LONGEST_CRON: usize = 1000;

fn cron(fields: &mut Fields<'_>, text: &str) -> Option<CronExpr> {
    // APScheduler's `"cron", hour=9` names the kind of trigger; what else it says is a fault of its own.
    if fields.has_clock_words() && matches!(text, "cron" | "interval" | "date") {
        return None;
    }
    if text.len() > LONGEST_CRON {
        let message = format!("the expression has {} characters, at most {LONGEST_CRON} are read", text.len());
        let hint = Some("share it out among several triggers".to_owned());
        fields.faults.push(Fault::new(Some("cron"), ErrorCode::InvalidCron, message, hint));
        return None;
    }
    for error in CronExpr::diagnose(text) {
        let fault = Fault::new(Some("cron"), error.kind.code(), error.message, error.hint);
        fields.faults.push(fault.with_span(Some(error.span)));
    }
    CronExpr::parse(text).ok()
}

fn timezone(fields: &mut Fields<'_>) -> Option<Timezone> {
    let name = fields.text("timezone", "Europe/Dublin")?;
    match Timezone::parse(name) {
        Ok(zone) => Some(zone),
        Err(error) => {
            let fault = Fault::new(Some("timezone"), ErrorCode::InvalidTimezone, error.message, error.hint);
            fields.faults.push(fault.with_span(Some(0..name.len())));
            None
        }
    }
}

fn bound(fields: &mut Fields<'_>, key: &str, zone: Timezone, date: DateMeans) -> Option<DateTime<Utc>> {
    let text = fields.text(key, "2026-01-31T09:00:00Z")?;
    instant::read(key, text, zone, date).map_err(|misfit| fields.misfit(key, misfit)).ok()
}
