//! A server that lives and dies on the same data, again and again.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::client::Client;
use super::ledger::Ledger;
use super::support::{Wren, eventually};
use super::traffic::Traffic;
use super::verdict;

/// How long a life may last that does not come to its moment.
const LIFE: Duration = Duration::from_secs(10);

/// The signal with which it kills itself.
const SIGKILL: i32 = 9;

/// Stands for the name of a moment whose line in the log other threads wrote into.
const GARBLED: &str = "?";

/// The server, what it promised and how it died.
pub(crate) struct Victim {
    wren: Wren,
    log: PathBuf,
    traffic: Traffic,
    ledger: Ledger,
    began: Instant,
    /// How often it died at a moment of each name.
    deaths: BTreeMap<String, u64>,
    /// Lives that did not come to their moment.
    missed: u64,
    deepest: u64,
}

impl Victim {
    pub(crate) fn new(store: &str) -> Self {
        let wren = Wren::prepare(store, &["--lease", "1s", "--concurrency", "6"]);
        Self {
            log: wren.path("moments"),
            wren,
            traffic: Traffic::default(),
            ledger: Ledger::default(),
            began: Instant::now(),
            deaths: BTreeMap::new(),
            missed: 0,
            deepest: 0,
        }
    }

    /// Returns how often it died at its moment.
    pub(crate) fn kills(&self) -> u64 {
        self.deaths.values().sum()
    }

    pub(crate) fn report(&self) -> String {
        format!(
            "{} kills in {} lives ({} without one), {} names of moments {:?}, the deepest the {}th of its life, \
             {} ended runs watched, {:.0} s",
            self.kills(),
            self.kills() + self.missed,
            self.missed,
            self.deaths.keys().filter(|name| *name != GARBLED).count(),
            self.deaths,
            self.deepest,
            self.ledger.len(),
            self.began.elapsed().as_secs_f64()
        )
    }

    /// Lives until the moment of that number, or not for much longer than it should take.
    pub(crate) fn live(&mut self, moment: u64) {
        let _ = std::fs::remove_file(&self.log);
        let (number, log) = (moment.to_string(), self.log.to_str().unwrap().to_owned());
        let environment = [("WREN_FAILPOINT", &*number), ("WREN_FAILPOINT_LOG", &*log), ("WREN_LOG", "warn")];
        self.wren.try_start_server(&environment);
        let began = Instant::now();
        // One that died before it had an address has nothing to ask.
        let mut answers = !self.wren.url().is_empty();
        let mut looks = true;
        while answers && began.elapsed() < LIFE {
            answers = self.ask(looks).is_ok() && self.wren.ended().is_none();
            looks = false;
        }
        if answers {
            self.wren.kill();
            self.missed += 1;
            return;
        }
        let wren = &mut self.wren;
        let status = eventually("the end of a server that no longer answers", || wren.ended());
        assert_eq!(status.signal(), Some(SIGKILL), "the server ended by itself: {}", self.wren.server_log());
        self.wren.kill();
        let moments = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = moments.lines().rev().find_map(|line| line.strip_prefix(&format!("{number} ")));
        *self.deaths.entry(last.unwrap_or(GARBLED).to_owned()).or_default() += 1;
        self.deepest = self.deepest.max(moment);
    }

    /// Has a look at what is there, or asks for the next thing.
    fn ask(&mut self, looks: bool) -> io::Result<()> {
        let client = Client::new(&self.wren);
        if looks { self.ledger.look(&client, &self.traffic) } else { self.traffic.step(&client) }
    }

    /// Lives the last life, in which everything comes to its end, and checks all of it.
    pub(crate) fn live_on(&mut self) {
        self.wren.start_server();
        verdict::settle(&Client::new(&self.wren), &mut self.traffic, &mut self.ledger);
        assert!(self.wren.stop_gracefully().success(), "{}", self.wren.server_log());
    }
}
