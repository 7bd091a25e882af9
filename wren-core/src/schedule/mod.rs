//! When a trigger is due: cron expressions, intervals and single instants, in any IANA time zone.
//!
//! Everything here is synchronous and pure. No function reads a clock, a file or the network: `after` and `now` are
//! always arguments, so the same inputs give the same due times on every node and after every restart.
//!
//! - [`CronExpr`] reads the five fields of crontab(5) and says everything that is wrong with them at once.
//! - [`Timezone`] is one IANA zone; the rules for clock changes are those of Debian's cron(8), see [`Schedule`].
//! - [`Every`] is a fixed period, such as `15m`.
//! - [`Schedule`] joins a [`Rule`] with its bounds and answers "when next?".
//! - [`Scheduler`] holds the next due time of many triggers; [`Planner`] does so in memory.
//! - [`Explanation`] says what an expression means, in words and as due times.
//! - [`jittered`] spreads the start of runs without changing the due time that names them.
//!
//! The calendar is five bit masks of our own rather than the `cron` crate: that crate numbers weekdays from 1 and joins
//! the two day fields with AND, and a due time from the masks, zone and all, takes about 0.6 of its time.

mod calendar;
mod clock_change;
mod cron_error;
mod cron_expr;
mod cron_field;
mod cron_foreign;
mod cron_piece;
mod cron_spoken;
mod cron_whole;
mod duration;
mod every;
mod explain;
mod heap;
mod interner;
mod jitter;
mod local;
mod planner;
mod rule;
mod schedule_json;
mod scheduler;
mod timezone;
mod words;

#[cfg(test)]
mod tests_cron;
#[cfg(test)]
mod tests_dst;
#[cfg(test)]
mod tests_oracle;
#[cfg(test)]
mod tests_planner;

pub use cron_error::{CronError, CronErrorKind};
pub use cron_expr::CronExpr;
pub use cron_field::CronField;
pub use duration::{DurationError, MAX_DURATION, format_duration, parse_duration};
pub use every::Every;
pub use explain::{ExplainedFire, Explanation};
pub use jitter::jittered;
pub use planner::Planner;
pub use rule::{Rule, Schedule};
pub use scheduler::{Due, PlannerEntry, Scheduler, SchedulerExt};
pub use timezone::{Timezone, TimezoneError};
