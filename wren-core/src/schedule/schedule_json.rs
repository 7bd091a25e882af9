//! Schedules in JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cron_expr::CronExpr;
use super::every::Every;
use super::rule::{Rule, Schedule};
use super::timezone::Timezone;

/// The form of a schedule in JSON. The fields of one rule exclude those of the others, which an error should name
/// rather than "did not match any variant".
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cron: Option<CronExpr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timezone: Option<Timezone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every: Option<Every>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchor: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<DateTime<Utc>>,
}

impl From<Schedule> for Wire {
    fn from(schedule: Schedule) -> Self {
        let (start, end) = (schedule.start(), schedule.end());
        let empty = Self { cron: None, timezone: None, every: None, anchor: None, at: None, start, end };
        match schedule.into_rule() {
            Rule::Cron { expr, timezone } => Self { cron: Some(expr), timezone: Some(timezone), ..empty },
            Rule::Every { period, anchor } => Self { every: Some(period), anchor: Some(anchor), ..empty },
            Rule::At { at } => Self { at: Some(at), ..empty },
        }
    }
}

impl TryFrom<Wire> for Schedule {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let schedule = match wire {
            Wire { cron: Some(expr), timezone, every: None, anchor: None, at: None, .. } => {
                Self::cron(expr, timezone.unwrap_or_default())
            }
            Wire { every: Some(period), anchor: Some(anchor), cron: None, timezone: None, at: None, .. } => {
                Self::every(period, anchor)
            }
            Wire { at: Some(at), cron: None, timezone: None, every: None, anchor: None, .. } => Self::at(at),
            _ => {
                return Err("a schedule is one of `cron` (with `timezone`), `every` with `anchor`, and `at`");
            }
        };
        Ok(schedule.with_start(wire.start).with_end(wire.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_one_rule() {
        let text = r#"{"cron":"0 9 * * mon-fri","timezone":"Europe/Dublin","end":"2027-01-01T00:00:00Z"}"#;
        let schedule: Schedule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), text);
        for text in [
            r#"{"every":"1h30m","anchor":"2026-01-01T00:00:00Z"}"#,
            r#"{"at":"2026-01-01T00:00:00Z","start":"2026-01-01T00:00:00Z"}"#,
        ] {
            let schedule: Schedule = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&schedule).unwrap(), text);
        }
        for wrong in [r#"{"cron":"@daily","at":"2026-01-01T00:00:00Z"}"#, r#"{"every":"1h"}"#, "{}"] {
            let error = serde_json::from_str::<Schedule>(wrong).unwrap_err();
            assert!(error.to_string().contains("one of"), "{error}");
        }
        let error = serde_json::from_str::<Schedule>(r#"{"cron":"0 9 * *"}"#).unwrap_err();
        assert!(error.to_string().contains("4 fields"), "{error}");
    }
}
