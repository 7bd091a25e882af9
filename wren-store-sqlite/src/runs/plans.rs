//! The plans of the hot statements: each enters every table of ours through an index, on a file without statistics.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};
use wren_core::model::{RunState, TriggerKind};
use wren_core::store::kit::RunList;
use wren_core::{DeploymentId, TriggerId};

use super::{changes, fire, leases, list, prune, queue, table};
use crate::deployments::table as deployments;
use crate::{SqliteOptions, open};

/// The statements, with the columns of their `{rows}`.
const STATEMENTS: [(&str, usize); 21] = [
    (queue::RUNNING, 0),
    (queue::OLDEST, 0),
    (queue::NEXT, 0),
    (queue::OLDEST_OF_EACH, 0),
    (deployments::NOTE_STARTS, 2),
    (changes::UPDATE, 16),
    (changes::END_ATTEMPTS, 5),
    (table::LOAD, 0),
    (table::LAST_LINES, 0),
    (leases::EXTEND, 2),
    (fire::TARGETS, 0),
    (fire::KNOWN, 2),
    (table::ACTIVE, 0),
    (fire::MOVE_CURSORS, 2),
    (leases::EXPIRED, 0),
    (prune::PRUNE, 0),
    (prune::UNPRUNED, 0),
    (prune::DELETE_LOGS, 0),
    (prune::NOTE_PRUNED, 0),
    (list::RUN, 0),
    (super::logs::READ, 0),
];

/// Returns the steps of the plan that read a table of ours from one end to the other.
async fn scans(connection: &mut SqliteConnection, statement: &str, columns: usize) -> Vec<String> {
    let tuple = format!("({})", vec!["?"; columns].join(", "));
    let text = statement.replace("{rows}", &[tuple.as_str(); 3].join(", ")).replace("{list}", "?, ?, ?");
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"))).fetch_all(connection).await.unwrap();
    let steps = rows.iter().map(|row| row.get::<String, _>(3));
    // What a statement brings along, its own rows or the owners it stepped through, is read whole, and so is what a part of
    // it found: the steps of that part are in the plan, too.
    let own = ["v", "step", "owners", "o", "3-ROW", "3", "CONSTANT"];
    let whole = |step: &String| {
        let mut words = step.split_whitespace();
        words.next() == Some("SCAN")
            && words.next().is_some_and(|table| !own.contains(&table) && !table.starts_with("(subquery-"))
            && !step.contains("INDEX")
    };
    steps.filter(whole).collect()
}

#[tokio::test]
async fn no_hot_statement_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = open::writing(&SqliteOptions::new(folder.path().join("wren.db"))).await.unwrap();
    for (statement, columns) in STATEMENTS {
        assert_eq!(scans(&mut connection, statement, columns).await, Vec::<String>::new(), "{statement}");
    }
}

#[tokio::test]
async fn every_list_of_runs_goes_through_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = open::writing(&SqliteOptions::new(folder.path().join("wren.db"))).await.unwrap();
    let several = vec![RunState::Queued, RunState::Failed, RunState::Timeout];
    let most = vec![RunState::Success, RunState::Failed];
    for states in RunState::ALL.into_iter().map(|state| vec![state]).chain([vec![], several, most]) {
        for deployment_id in [None, Some(DeploymentId::new())] {
            for trigger_id in [None, Some(TriggerId::new())] {
                let options = RunList {
                    deployment_id,
                    trigger_id,
                    trigger: Some(TriggerKind::Email),
                    states: states.clone(),
                    since: None,
                    until: None,
                    before: None,
                    limit: 1,
                };
                let statement = list::statement(&options);
                assert_eq!(scans(&mut connection, &statement, 0).await, Vec::<String>::new(), "{statement}");
            }
        }
    }
}
