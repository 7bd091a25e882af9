//! Requests at a constant rate, whether or not those before have been answered.
//!
//! A request has an instant at which it is meant to be sent, and its latency counts from there: a server that stands still for a
//! second has made every request late that was due in it, also those that no connection was free for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use super::client::Client;
use super::mix::Kind;
use super::scene::Scene;
use crate::Failure;
use crate::samples::Samples;

/// How long an answer may take: what takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// A load to put on a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Requests in a second.
    pub(super) rate: u64,
    pub(super) seconds: u64,
    pub(super) connections: usize,
}

/// What came of the requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) latencies: BTreeMap<Kind, Samples>,
    /// How much later than meant requests were sent: by the clock's grain, by the client's own work, or since every connection
    /// was waiting for an answer.
    pub(super) held_back: Samples,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) sent: u64,
    /// From the first request to the last answer.
    pub(super) took: Duration,
}

impl Tally {
    fn failed(&mut self, error: String) {
        *self.errors.entry(error).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        for (kind, samples) in other.latencies {
            self.latencies.entry(kind).or_default().extend(samples);
        }
        self.held_back.extend(other.held_back);
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.sent += other.sent;
    }

    /// Returns the latencies of every request.
    pub(super) fn all(&self) -> Samples {
        let mut all = Samples::default();
        self.latencies.values().for_each(|samples| all.extend(samples.clone()));
        all
    }
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    plan: Plan,
    begun: Instant,
    /// The number of the next request.
    next: AtomicU64,
    scene: Arc<Scene>,
    /// The run of each idempotency key.
    asked: Mutex<HashMap<String, String>>,
}

/// Puts a load on a server.
pub(super) async fn put(plan: Plan, scene: &Arc<Scene>, address: &str, keys: &[String]) -> Result<Tally, Failure> {
    let mut clients = Vec::new();
    for number in 0..plan.connections {
        clients.push((Client::connect(address, &keys[number % keys.len()]).await?, &keys[number % keys.len()]));
    }
    let begun = Instant::now() + Duration::from_millis(50);
    let scene = Arc::clone(scene);
    let shared = Arc::new(Shared { plan, begun, next: AtomicU64::new(0), scene, asked: Mutex::default() });
    let lanes = clients.into_iter().map(|(client, key)| {
        let lane = lane(client, address.to_owned(), key.clone(), Arc::clone(&shared));
        tokio::spawn(lane)
    });
    let mut tally = Tally::default();
    try_join_all(lanes).await?.into_iter().for_each(|part| tally.add(part));
    tally.took = begun.elapsed();
    Ok(tally)
}

/// Sends on one connection whatever is next, until nothing is.
async fn lane(mut client: Client, address: String, key: String, shared: Arc<Shared>) -> Tally {
    let mut tally = Tally::default();
    let Plan { rate, seconds, .. } = shared.plan;
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= rate * seconds {
            return tally;
        }
        let due = shared.begun + Duration::from_nanos(number * 1_000_000_000 / rate);
        sleep_until(due).await;
        tally.held_back.push(due.elapsed());
        let kind = Kind::of(number);
        let question = kind.question(number, &shared.scene);
        tally.sent += 1;
        let answered = timeout(PATIENCE, client.ask(&question)).await;
        let answered = answered.unwrap_or_else(|_| Err("no answer in time".into()));
        let took = due.elapsed();
        // What failed took its time, too.
        tally.latencies.entry(kind).or_default().push(took);
        let fault = match answered {
            Ok((status, body)) if status == kind.expected() => {
                question.idempotency_key.and_then(|key| shared.judge_run(key, &body).err())
            }
            Ok((status, body)) => Some(format!("{}: {status} {}", kind.route(), code(&body))),
            Err(error) => {
                // The next request needs a connection that is whole.
                if let Ok(another) = Client::connect(&address, &key).await {
                    client = another;
                }
                Some(format!("{}: {error}", kind.route()))
            }
        };
        fault.into_iter().for_each(|fault| tally.failed(fault));
    }
}

impl Shared {
    /// Looks at the answer to a run that was asked for: the same key is the same run.
    fn judge_run(&self, key: String, body: &[u8]) -> Result<(), String> {
        let answer: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
        let run = answer["run_id"].as_str().ok_or("a run was answered without an id")?.to_owned();
        self.scene.learn(run.clone());
        let mut asked = self.asked.lock();
        match asked.insert(key, run.clone()) {
            Some(before) if before != run => Err("one idempotency key made two runs".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Returns the code of an error body.
fn code(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["error"]["code"].as_str().unwrap_or("without a code").to_owned()
}
