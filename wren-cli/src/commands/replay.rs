//! `wren test --from … --to …`: when a script's schedules would have been due, on a clock that stands wherever it is put.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use wren_core::deploy::Examination;
use wren_core::model::TriggerSpec;
use wren_core::schedule::{ExplainedFire, Planner, PlannerEntry, Scheduler, SchedulerExt};

use crate::failure::Failure;
use crate::output::Output;
use crate::output::tables;

/// More due times than anybody reads.
const MOST_FIRES: usize = 10_000;

/// What would have been due.
#[derive(Debug, Serialize)]
pub(super) struct Replay {
    pub(super) fires: Vec<ReplayedFire>,
    /// Whether there are more than are listed.
    pub(super) truncated: bool,
}

/// A due time of one of the script's triggers.
#[derive(Debug, Serialize)]
pub(super) struct ReplayedFire {
    pub(super) func: String,
    #[serde(flatten)]
    pub(super) fire: ExplainedFire,
}

/// Replays the schedules of a script between two instants, both included.
pub(super) fn replay(examination: &Examination, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Replay, Failure> {
    if from > to {
        return Err(Failure::usage("--from is later than --to", "give the earlier time as --from"));
    }
    let before = from.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(from);
    let triggers: Vec<&TriggerSpec> =
        examination.manifest.triggers.iter().filter(|trigger| trigger.schedule.is_some()).collect();
    // The engine's own scheduler, which is told what time it is.
    let planner = Planner::new();
    for (key, trigger) in triggers.iter().enumerate() {
        if let Some(config) = &trigger.schedule {
            let schedule = Arc::new(config.schedule.clone());
            planner.upsert(PlannerEntry { key: key as u128, schedule, after: before });
        }
    }
    let due = planner.pop_due(to, MOST_FIRES);
    let mut previous = vec![before; triggers.len()];
    let fires = due.iter().filter_map(|due| {
        let place = usize::try_from(due.key).ok()?;
        let schedule = &triggers.get(place)?.schedule.as_ref()?.schedule;
        let fire = schedule.explained(std::mem::replace(&mut previous[place], due.at), due.at);
        Some(ReplayedFire { func: triggers[place].func.clone(), fire })
    });
    let fires = fires.collect();
    Ok(Replay { fires, truncated: planner.next_due().is_some_and(|next| next <= to) })
}

impl Replay {
    /// Prints the list.
    pub(super) fn show(&self, output: Output) {
        output.line("");
        if self.fires.is_empty() {
            output.line("No schedule is due in that time");
            return;
        }
        output.line(tables::replayed(self.fires.iter().map(|fire| (fire.func.as_str(), &fire.fire))));
        if self.truncated {
            output.remark(format_args!("there are more than {MOST_FIRES}: ask for a shorter time"));
        }
    }
}
