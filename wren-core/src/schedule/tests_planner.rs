//! Claims about the planner: named cases, and a naive model that it must agree with.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{CronExpr, Due, Every, Planner, PlannerEntry, Schedule, Scheduler, SchedulerExt, Timezone};

fn start() -> DateTime<Utc> {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn cron(expr: &str) -> Arc<Schedule> {
    Arc::new(Schedule::cron(CronExpr::parse(expr).unwrap(), Timezone::UTC))
}

fn every(text: &str) -> Arc<Schedule> {
    Arc::new(Schedule::every(Every::parse(text).unwrap(), start()))
}

fn entry(key: u128, schedule: &Arc<Schedule>) -> PlannerEntry {
    PlannerEntry { key, schedule: Arc::clone(schedule), after: start() }
}

fn minutes(count: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(count)
}

#[test]
fn a_backlog_comes_out_one_due_time_after_the_other() {
    let planner = Planner::new();
    assert_eq!(planner.upsert(entry(1, &every("10m"))), Some(minutes(10)));
    planner.upsert(entry(2, &cron("*/15 * * * *")));
    assert_eq!(planner.next_due(), Some(minutes(10)));
    let due = planner.pop_due(minutes(30), 100);
    let times: Vec<_> = due.iter().map(|due| ((due.at - start()).num_minutes(), due.key)).collect();
    assert_eq!(times, [(10, 1), (15, 2), (20, 1), (30, 1), (30, 2)]);
    assert_eq!(planner.next_due_of(1), Some(minutes(40)));
    assert_eq!(planner.pop_due(minutes(30), 100), []);
}

#[test]
fn no_more_than_asked_for_come_out_and_the_rest_stay() {
    let planner = Planner::new();
    for key in 0..10 {
        planner.upsert(entry(key, &cron("* * * * *")));
    }
    let mut out = vec![Due { key: 99, at: start() }];
    planner.pop_due_into(minutes(1), 4, &mut out);
    assert_eq!(out.len(), 5);
    planner.pop_due_into(minutes(1), 100, &mut out);
    assert_eq!(out.len(), 11);
    assert!(planner.pop_due(minutes(1), 0).is_empty());
}

#[test]
fn an_entry_without_further_due_times_leaves() {
    let planner = Planner::new();
    let once = Arc::new(Schedule::at(minutes(5)));
    planner.upsert(entry(1, &once));
    let bounded = Schedule::every(Every::parse("1m").unwrap(), start()).with_end(Some(minutes(2)));
    planner.upsert(entry(2, &Arc::new(bounded)));
    assert_eq!(planner.pop_due(minutes(60), 100).len(), 3);
    assert!(planner.is_empty());
    assert_eq!(planner.next_due(), None);
    assert!(!planner.remove(1));
    assert_eq!(planner.upsert(PlannerEntry { key: 1, schedule: once, after: minutes(5) }), None);
    assert!(planner.is_empty());
}

#[test]
fn a_replaced_or_removed_entry_yields_nothing_of_its_old_schedule() {
    let planner = Planner::new();
    planner.upsert(entry(1, &every("1m")));
    planner.upsert(entry(1, &cron("0 12 * * *")));
    assert_eq!(planner.len(), 1);
    assert_eq!(planner.next_due(), Some(start() + TimeDelta::hours(12)));
    assert!(planner.remove(1));
    assert_eq!(planner.next_due(), None);
    assert_eq!(planner.next_due_of(1), None);
    assert!(planner.pop_due(start() + TimeDelta::days(9), 100).is_empty());
}

#[test]
fn a_planner_can_stand_behind_its_trait() {
    let scheduler: Arc<dyn Scheduler> = Arc::new(Planner::new());
    scheduler.upsert(entry(7, &every("1h")));
    assert_eq!(scheduler.pop_due(minutes(60), 1), [Due { key: 7, at: minutes(60) }]);
}

#[derive(Debug, Clone)]
enum Action {
    Upsert { key: u128, schedule: Arc<Schedule>, after: i64 },
    Remove(u128),
    Pop { advance: i64, max: usize },
}

fn any_schedule() -> impl Strategy<Value = Arc<Schedule>> {
    let at = (0_i64..3_000).prop_map(|count| Arc::new(Schedule::at(minutes(count))));
    let bounded = (1_i64..3_000).prop_map(|count| {
        let schedule = Schedule::clone(&cron("*/7 * * * *"));
        Arc::new(schedule.with_end(Some(minutes(count))))
    });
    prop_oneof![
        prop::sample::select(vec!["*/5 * * * *", "0 * * * *", "30 2 * * *"]).prop_map(cron),
        prop::sample::select(vec!["1m", "7m", "90m", "61s"]).prop_map(every),
        at,
        bounded,
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0_u128..24, any_schedule(), -100_i64..100)
            .prop_map(|(key, schedule, after)| Action::Upsert { key, schedule, after }),
        2 => (0_u128..24).prop_map(Action::Remove),
        3 => (0_i64..200, 0_usize..60).prop_map(|(advance, max)| Action::Pop { advance, max }),
    ]
}

/// The planner as one would write it with no thought of speed.
#[derive(Default)]
struct Model(BTreeMap<u128, (Arc<Schedule>, DateTime<Utc>)>);

impl Model {
    fn set(&mut self, key: u128, schedule: Arc<Schedule>, after: DateTime<Utc>) {
        match schedule.next_after(after) {
            Some(next) => self.0.insert(key, (schedule, next)),
            None => self.0.remove(&key),
        };
    }

    fn next_due(&self) -> Option<DateTime<Utc>> {
        self.0.values().map(|(_, at)| *at).min()
    }

    /// Returns the keys that are due at the earliest time, any of which may come next.
    fn candidates(&self, at: DateTime<Utc>) -> Vec<u128> {
        self.0.iter().filter(|(_, (_, due))| *due == at).map(|(key, _)| *key).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_planner_agrees_with_its_model(actions in prop::collection::vec(any_action(), 1..120)) {
        let planner = Planner::new();
        let mut model = Model::default();
        let mut now = start();
        for action in actions {
            match action {
                Action::Upsert { key, schedule, after } => {
                    let after = now + TimeDelta::minutes(after);
                    let next = planner.upsert(PlannerEntry { key, schedule: Arc::clone(&schedule), after });
                    model.set(key, schedule, after);
                    prop_assert_eq!(next, model.0.get(&key).map(|(_, at)| *at));
                }
                Action::Remove(key) => {
                    prop_assert_eq!(planner.remove(key), model.0.remove(&key).is_some());
                }
                Action::Pop { advance, max } => {
                    now += TimeDelta::minutes(advance);
                    let popped = planner.pop_due(now, max);
                    for due in &popped {
                        prop_assert_eq!(Some(due.at), model.next_due());
                        prop_assert!(due.at <= now && model.candidates(due.at).contains(&due.key));
                        let schedule = Arc::clone(&model.0[&due.key].0);
                        model.set(due.key, schedule, due.at);
                    }
                    prop_assert!(popped.len() == max || model.next_due().is_none_or(|next| next > now));
                }
            }
            prop_assert_eq!(planner.next_due(), model.next_due());
            prop_assert_eq!(planner.len(), model.0.len());
            for key in 0..24 {
                prop_assert_eq!(planner.next_due_of(key), model.0.get(&key).map(|(_, at)| *at));
            }
        }
    }
}
