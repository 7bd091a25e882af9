//! A server on a database, with traffic, whose process stays the same whatever happens to the database.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::Value;

use super::client::{Client, list, text};
use super::due::instant;
use super::ledger::Ledger;
use super::support::{Wren, eventually};
use super::traffic::Traffic;
use super::verdict;

/// The server, and what it promised.
pub(crate) struct Site {
    wren: Wren,
    traffic: Traffic,
    ledger: Ledger,
}

impl Site {
    /// Starts a server on a database.
    pub(crate) fn start(url: &str) -> Self {
        let mut wren = Wren::prepare(url, &["--lease", "1s", "--concurrency", "6"]);
        wren.start_server();
        Self { wren, traffic: Traffic::default(), ledger: Ledger::of_lost_answers() }
    }

    /// Asks for the next thing, whatever the answer, and has a look when there is one.
    pub(crate) fn asks(&mut self) {
        let client = Client::new(&self.wren);
        self.traffic.step(&client).unwrap();
        let _ = self.ledger.look(&client, &self.traffic);
    }

    /// Goes on asking until a task beside it has ended.
    pub(crate) fn asks_while(&mut self, task: impl FnOnce() + Send) {
        std::thread::scope(|scope| {
            let task = scope.spawn(task);
            while !task.is_finished() {
                self.asks();
            }
        });
    }

    /// Waits until everything works: a whole round of requests is confirmed, and a due time of the present has its run.
    pub(crate) fn works(&mut self) {
        let client = Client::new(&self.wren);
        let round = self.traffic.rounds();
        eventually("a whole round of requests", || {
            self.traffic.step(&client).unwrap();
            (self.traffic.rounds() > round + 1).then_some(())
        });
        let now = Utc::now();
        let id = &self.traffic.steady.as_ref().unwrap().id;
        let path = format!("/v1/deployments/{id}/runs?status=success&limit=1");
        eventually("a run that succeeds", || {
            let page = client.read(&path).ok()?;
            (instant(list(&page, "runs").first()?, "scheduled_for") > now).then_some(())
        });
        self.ledger.look(&client, &self.traffic).unwrap();
    }

    /// Asks for as long as that, of a server whose database is away: it answers, and says so.
    pub(crate) fn says_that_it_cannot_work_for(&mut self, outage: Duration) {
        let client = Client::new(&self.wren);
        let began = Instant::now();
        eventually("that it is not ready", || {
            let (status, answer) = client.ask("GET", "/readyz", &[], &Value::Null).unwrap();
            (status == 503 && text(&answer["error"], "code") == "STORE_UNAVAILABLE").then_some(())
        });
        eventually("the end of the outage", || {
            let (status, answer) = client.ask("GET", "/v1/runs", &[], &Value::Null).unwrap();
            assert_eq!((status, text(&answer["error"], "code")), (503, "STORE_UNAVAILABLE"), "{answer}");
            (began.elapsed() > outage).then_some(())
        });
    }

    /// Checks everything at the end.
    pub(crate) fn settles(mut self) {
        verdict::settle(&Client::new(&self.wren), &mut self.traffic, &mut self.ledger);
        let ended = self.wren.stop_gracefully();
        let log = self.wren.server_log();
        assert!(ended.success() && !log.contains("panicked"), "{log}");
    }
}
