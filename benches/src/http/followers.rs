//! Those who follow what runs print, and hold each line against the one before.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf as _;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Question};
use super::scene::{Scene, run};
use crate::Failure;
use crate::samples::Samples;

/// How many runs are followed that last as long as the load, and as many one after the other of those that end.
pub(super) const RUNS_OF_EACH: usize = 4;
/// How long a run lasts of those that end, in seconds.
const SHORT: u64 = 5;
/// How long after the load the last follower may hear the end of its run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the followers saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: u64,
    pub(super) states: u64,
    pub(super) ends: u64,
    /// Lines missing, or there twice.
    pub(super) gaps: u64,
    pub(super) faults: Vec<String>,
    /// From when the executor had a line until a follower had it.
    pub(super) lags: Samples,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.states += other.states;
        self.ends += other.ends;
        self.gaps += other.gaps;
        self.faults.extend(other.faults);
        self.lags.extend(other.lags);
    }
}

/// The followers at their work.
#[derive(Debug)]
pub(super) struct Followers {
    tasks: Vec<JoinHandle<Seen>>,
    relays: Vec<JoinHandle<Result<(), Failure>>>,
    over: CancellationToken,
}

/// What is followed: a run that is there, then another one when it has ended.
type Current = watch::Receiver<String>;

impl Followers {
    /// Starts the runs, and as many followers, half of them of runs that end.
    pub(super) async fn start(
        count: usize,
        seconds: u64,
        lines: u64,
        scene: &Arc<Scene>,
        (address, keys): (&str, &[String]),
    ) -> Result<Self, Failure> {
        let over = CancellationToken::new();
        let (mut currents, mut relays) = (Vec::new(), Vec::new());
        for number in 0..RUNS_OF_EACH {
            let mut client = Client::connect(address, &keys[number % keys.len()]).await?;
            let long = run(&mut client, &scene.followed, &json!({"seconds": seconds, "lines": lines})).await?;
            currents.push(watch::channel(long).1);
            let short = json!({"seconds": SHORT, "lines": lines});
            let (tell, current) = watch::channel(run(&mut client, &scene.followed, &short).await?);
            currents.push(current);
            let (scene, over) = (Arc::clone(scene), over.clone());
            relays.push(tokio::spawn(async move {
                let client = &mut client;
                loop {
                    let id = tell.borrow().clone();
                    while !is_over(client, &id).await? {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    if over.is_cancelled() {
                        return Ok(());
                    }
                    tell.send_replace(run(client, &scene.followed, &short).await?);
                }
            }));
        }
        let mut tasks = Vec::new();
        for number in 0..count {
            let client = Client::connect(address, &keys[number % keys.len()]).await?;
            tasks.push(tokio::spawn(follow(client, currents[number % currents.len()].clone())));
        }
        Ok(Self { tasks, relays, over })
    }

    /// Waits until every run has ended, and its followers have heard of it.
    pub(super) async fn finish(self) -> Result<Seen, Failure> {
        self.over.cancel();
        for relay in self.relays {
            tokio::time::timeout(PATIENCE, relay).await.map_err(|_| "a followed run did not end")???;
        }
        let mut seen = Seen::default();
        let ended = tokio::time::timeout(PATIENCE, join_all(self.tasks)).await;
        for part in ended.map_err(|_| "a follower did not hear the end of its run")? {
            seen.add(part?);
        }
        Ok(seen)
    }
}

async fn is_over(client: &mut Client, run: &str) -> Result<bool, Failure> {
    let shown = client.json(&Question::get(format!("/v1/runs/{run}"))).await?;
    Ok(!shown["completed_at"].is_null())
}

/// Follows one run after the other, until there is no other.
async fn follow(mut client: Client, mut current: Current) -> Seen {
    let mut seen = Seen::default();
    loop {
        let run = current.borrow_and_update().clone();
        if let Err(error) = follow_one(&mut client, &run, &mut seen).await {
            seen.faults.push(error.to_string());
            return seen;
        }
        if current.changed().await.is_err() {
            return seen;
        }
    }
}

#[derive(Debug, Deserialize)]
struct Line {
    seq: u64,
    at: DateTime<Utc>,
}

async fn follow_one(client: &mut Client, run: &str, seen: &mut Seen) -> Result<(), Failure> {
    let question = Question { follows: true, ..Question::get(format!("/v1/runs/{run}/logs")) };
    let answer = client.begin(&question).await?;
    if answer.status() != 200 {
        let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        return Err(format!("a follower was answered with {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    let mut body = answer.into_body();
    let (mut text, mut last, before) = (Vec::new(), 0, seen.lines);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        text.extend_from_slice(data.chunk());
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let event = text.drain(..end + 2).collect::<Vec<u8>>();
            take(std::str::from_utf8(&event)?, &mut last, seen)?;
        }
    }
    // A stream that was cut has no end.
    if last != u64::MAX {
        return Err("a stream ended before its run".into());
    }
    // What the script says that it printed, which the numbers of lines cannot tell.
    let shown = client.json(&Question::get(format!("/v1/runs/{run}"))).await?;
    let heard = seen.lines - before;
    if shown["status"] == "success" && shown["result"]["lines"] == heard {
        return Ok(());
    }
    Err(format!("a follower heard {heard} lines of a run that ended as {} with {}", shown["status"], shown["result"])
        .into())
}

/// Takes an event; `last` is the number of the line before, or all there is after the end.
fn take(event: &str, last: &mut u64, seen: &mut Seen) -> Result<(), Failure> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    match field("event: ") {
        Some("log") => {
            let line: Line = serde_json::from_str(field("data: ").unwrap_or_default())?;
            seen.lines += 1;
            seen.gaps += u64::from(line.seq != *last + 1);
            seen.lags.push((Utc::now() - line.at).to_std().unwrap_or_default());
            *last = line.seq;
        }
        Some("status") => seen.states += 1,
        Some("end") => {
            let heard = field("id: ").and_then(|id| id.strip_suffix(".end")?.parse::<u64>().ok());
            seen.gaps += u64::from(heard != Some(*last));
            seen.ends += 1;
            *last = u64::MAX;
        }
        Some("failure") => return Err(format!("a stream failed: {event}").into()),
        // A comment, which says that the server is still there.
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[&str]) -> (Seen, u64) {
        let (mut seen, mut last) = (Seen::default(), 0);
        for event in events {
            take(event, &mut last, &mut seen).unwrap_or_else(|error| panic!("{event}: {error}"));
        }
        (seen, last)
    }

    fn line(seq: u64) -> String {
        format!("id: {seq}\nevent: log\ndata: {{\"seq\":{seq},\"at\":\"2026-03-01T00:00:00Z\"}}\n\n")
    }

    #[test]
    fn a_line_that_is_missing_or_there_twice_is_a_gap() {
        let (first, second, third) = (line(1), line(2), line(3));
        let end = "id: 3.end\nevent: end\ndata: {}\n\n";
        let (seen, last) = after(&[": still there\n\n", "event: status\ndata: {}\n\n", &first, &second, &third, end]);
        assert_eq!((seen.lines, seen.states, seen.ends, seen.gaps, last), (3, 1, 1, 0, u64::MAX));
        assert_eq!(after(&[&first, &third]).0.gaps, 1);
        assert_eq!(after(&[&first, &first]).0.gaps, 1);
        assert_eq!(after(&[&first, &second, end]).0.gaps, 1, "the end tells of a line that never came");
    }
}
