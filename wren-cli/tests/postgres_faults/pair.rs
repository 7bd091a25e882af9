//! Two servers on one database, of which one sleeps now and then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use wren_conformance::servers::PostgresServer;

use super::client::{Client, list, text};
use super::due::{self, instant};
use super::ledger::has_ended;
use super::support::{Wren, eventually, processes};

/// How long a server may be held up by another one that sleeps within a transaction: what PostgreSQL gives that one, a run,
/// and what a busy machine may add.
const HELD_UP: Duration = Duration::from_secs(20);
/// How many triggers the script has.
const TRIGGERS: usize = 3;
/// How many lines a run prints; it goes on for a fifth of a second after each.
const STEPS: usize = 4;

/// A script whose runs take most of the time between two due times, so that a server that is stopped is in the middle of
/// some.
fn script() -> String {
    let functions = (0..TRIGGERS).map(|number| {
        format!(
            r#"
@wren.on_schedule(every="1s", overlap="allow")
def step{number}():
    for step in range({STEPS}):
        print("step", step, flush=True)
        time.sleep(0.2)
    return wren.context().attempt
"#
        )
    });
    format!("import time\n\nimport wren\n\n{}", functions.collect::<String>())
}

/// When a server that sleeps wakes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wakes {
    /// While the other one runs what it had claimed.
    Early,
    /// After the other one has ended that.
    Late,
}

/// Says whether a run is in a later attempt than its first.
fn is_stood_in_for(run: &Value) -> bool {
    run["status"] == "running" && run["attempt"] != 1
}

/// The servers, the earlier one first.
pub(crate) struct Pair<'p> {
    postgres: &'p PostgresServer,
    database: String,
    servers: [Wren; 2],
    /// Under which names they claim runs.
    workers: Vec<String>,
    deployment: String,
    created_at: DateTime<Utc>,
}

impl<'p> Pair<'p> {
    pub(crate) fn start(postgres: &'p PostgresServer) -> Self {
        let url = postgres.create_database();
        let servers = [0, 1].map(|_| {
            let mut wren = Wren::prepare(&url, &["--lease", "1s", "--concurrency", "6"]);
            wren.start_server();
            wren
        });
        let deploy = json!({"name": "steps", "script": script()});
        let (status, deployed) = Client::new(&servers[0]).ask("POST", "/v1/scripts/deploy", &[], &deploy).unwrap();
        assert_eq!(status, 201, "{deployed}");
        let mut pair = Self {
            postgres,
            database: super::database(&url).to_owned(),
            servers,
            workers: Vec::new(),
            deployment: text(&deployed, "deployment_id").to_owned(),
            created_at: instant(&deployed, "created_at"),
        };
        // Names hold the time at which they were made and sort by it: that of the earlier server is the first.
        pair.workers = eventually("a run on each server", || {
            let workers = pair.ask("SELECT DISTINCT worker FROM wren.all_attempts ORDER BY 1");
            (workers.len() == 2).then_some(workers)
        });
        pair
    }

    /// Asks the database; returns the first column of each row.
    fn ask(&self, statement: &str) -> Vec<String> {
        self.postgres.query(&self.database, statement).lines().map(str::to_owned).collect()
    }

    /// Returns the runs that a server has claimed, by their correlation ids.
    fn held_by(&self, sleeper: usize) -> Vec<String> {
        let worker = &self.workers[sleeper];
        self.ask(&format!(
            "SELECT correlation_id FROM wren.runs JOIN wren.progress ON run_id = id \
             WHERE state = 'running' AND worker = '{worker}'"
        ))
    }

    /// Stops a server in the middle of runs, lets the other one stand in for it, and wakes it again, early or late.
    pub(crate) fn one_sleeps_while_the_other_works(&mut self, sleeper: usize, wakes: Wakes) {
        let pid = self.servers[sleeper].server_pid();
        let held = eventually("a server in the middle of runs", || {
            if self.held_by(sleeper).is_empty() {
                return None;
            }
            processes::signal(pid, "STOP");
            let held = self.held_by(sleeper);
            if held.is_empty() {
                processes::signal(pid, "CONT");
            }
            Some(held).filter(|held| !held.is_empty())
        });
        let begun = eventually("another attempt at the runs whose server sleeps", || {
            self.read(1 - sleeper, &held).filter(|runs| runs.iter().all(|run| is_stood_in_for(run) || has_ended(run)))
        });
        if wakes == Wakes::Late {
            self.wait_for_ends(1 - sleeper, &held);
            self.wait_for_runs(1 - sleeper, None);
        }
        processes::signal(pid, "CONT");
        let ended = self.wait_for_ends(1 - sleeper, &held);
        // A sleeper whose last word was on its way has ended the run itself.
        let rescued: Vec<&Value> = ended.iter().filter(|run| run["attempt"] != 1).collect();
        assert!(!rescued.is_empty(), "{begun:?}");
        for run in &rescued {
            // Whoever was stopped would have said 1.
            assert_eq!((&run["status"], &run["result"]), (&"success".into(), &run["attempt"]), "{run}");
            let id = text(run, "run_id");
            eventually("the refusal of what the sleeper has to say", || {
                let log = self.servers[sleeper].server_log();
                log.lines().any(|line| line.contains(id) && line.contains("the claim was lost")).then_some(())
            });
        }
        assert_eq!(self.read(sleeper, &held).unwrap(), ended, "the sleeper has changed a run");
    }

    /// Stops a server in the middle of a transaction, whose locks it then keeps. The other one is held up no longer than
    /// PostgreSQL waits for somebody with an open transaction to go on.
    pub(crate) fn one_sleeps_within_a_transaction(&mut self, sleeper: usize) {
        let pid = self.servers[sleeper].server_pid();
        let transaction = eventually("a server in the middle of a transaction", || {
            processes::signal(pid, "STOP");
            // One of the other server's has ended by the second look.
            let open = [(); 3].map(|()| self.open_transactions());
            let stuck = open[0].iter().find(|one| open[1].contains(one) && open[2].contains(one)).cloned();
            if stuck.is_none() {
                processes::signal(pid, "CONT");
            }
            stuck
        });
        let began = Instant::now();
        self.wait_for_runs(1 - sleeper, Some("success"));
        let held_up = began.elapsed();
        assert!(held_up < HELD_UP, "held up for {held_up:?} by a transaction: {transaction}");
        processes::signal(pid, "CONT");
    }

    /// Returns what is locked by transactions in which nothing happens at the moment: when each began and what it did last.
    fn open_transactions(&self) -> Vec<String> {
        let database = &self.database;
        self.ask(&format!(
            "SELECT xact_start, regexp_replace(left(query, 60), '\\s+', ' ', 'g') FROM pg_stat_activity \
             WHERE datname = '{database}' AND state = 'idle in transaction'"
        ))
    }

    /// Reads runs by their correlation ids, all of them or none, through a server.
    fn read(&self, server: usize, held: &[String]) -> Option<Vec<Value>> {
        let client = Client::new(&self.servers[server]);
        let page = client.read(&format!("/v1/deployments/{}/runs?limit=200", self.deployment)).ok()?;
        let found = list(&page, "runs").iter().filter(|run| held.contains(&text(run, "correlation_id").to_owned()));
        let runs: Option<Vec<Value>> =
            found.map(|run| client.read(&format!("/v1/runs/{}", text(run, "run_id"))).ok()).collect();
        runs.filter(|runs| runs.len() == held.len())
    }

    fn wait_for_ends(&self, server: usize, held: &[String]) -> Vec<Value> {
        eventually("the end of the runs whose server sleeps", || {
            self.read(server, held).filter(|runs| runs.iter().all(has_ended))
        })
    }

    /// Waits for runs of the present in a state, of due times included that the other server had planned.
    fn wait_for_runs(&self, server: usize, status: Option<&str>) {
        let client = Client::new(&self.servers[server]);
        let now = Utc::now();
        eventually("a run of each trigger while the other server sleeps", || {
            let page = client.read(&format!("/v1/deployments/{}/runs?limit=50", self.deployment)).ok()?;
            let runs = list(&page, "runs").iter().filter(|run| status.is_none_or(|status| run["status"] == status));
            let present = runs.filter(|run| instant(run, "scheduled_for") > now).map(|run| text(run, "func"));
            (present.collect::<BTreeSet<_>>().len() == TRIGGERS).then_some(())
        });
    }

    /// Checks everything at the end: one run for each due time, each ended once, its lines in order and of its attempts in
    /// turn.
    pub(crate) fn settles(mut self) {
        let client = Client::new(&self.servers[0]);
        let until = Utc::now();
        let path = format!("/v1/deployments/{}/runs", self.deployment);
        let runs = eventually("the end of every run", || {
            let mut runs = client.read_runs(&path).ok()?;
            let is_recorded = runs.iter().any(|run| instant(run, "scheduled_for") > until);
            runs.retain(|run| instant(run, "scheduled_for") <= until);
            (is_recorded && runs.iter().all(has_ended)).then_some(runs)
        });
        due::assert_one_run_each(&runs, TRIGGERS, self.created_at, until);
        for run in runs.iter().filter(|run| run["status"] == "success") {
            let page = client.read(&format!("/v1/runs/{}/logs", text(run, "run_id"))).unwrap();
            let lines = list(&page, "logs");
            assert!(lines.iter().enumerate().all(|(place, line)| line["seq"] == place + 1), "{page}");
            assert!(lines.is_sorted_by_key(|line| line["attempt"].as_u64()), "{page}");
            let last: Vec<&str> =
                lines.iter().filter(|line| line["attempt"] == run["attempt"]).map(|line| text(line, "text")).collect();
            assert_eq!(last, (0..STEPS).map(|step| format!("step {step}")).collect::<Vec<_>>(), "{page}");
        }
        for server in &mut self.servers {
            let ended = server.stop_gracefully();
            assert!(ended.success(), "{}", server.server_log());
        }
    }
}
