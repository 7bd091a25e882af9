//! Following runs: asking the server again and again for what is new.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;
use wren_core::ErrorCode;

use super::log_view::LogView;
use super::understood;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::arrived;
use crate::wire::{LogLine, LogPage, Run, RunPage, is_terminal};

/// How long between two questions.
const PAUSE: Duration = Duration::from_millis(300);
/// How many runs are asked for at once.
const RUNS_READ: usize = 100;
/// How many lines are asked for at once.
const LINES_READ: usize = 1_000;

/// Reads a run, as it came.
pub(super) async fn read_run(id: &str, client: &Client) -> Result<Value, Failure> {
    client.get(&format!("/v1/runs/{id}"), &[]).await
}

/// Reads the latest runs of a deployment, as they came, latest first.
pub(super) async fn latest_runs(id: &str, client: &Client) -> Result<Vec<Value>, Failure> {
    Ok(page_of_runs(id, None, client).await?.runs)
}

async fn page_of_runs(id: &str, cursor: Option<String>, client: &Client) -> Result<RunPage, Failure> {
    let mut query = vec![("limit", RUNS_READ.to_string())];
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    client.get(&format!("/v1/deployments/{id}/runs"), &query).await
}

/// Reads all lines of a run above a number; returns them with the number of the last.
pub(super) async fn lines_after(id: &str, after: u64, client: &Client) -> Result<(Vec<LogLine>, u64), Failure> {
    let mut lines = Vec::new();
    let mut after = after;
    loop {
        let page = page_after(id, after, client).await?;
        after = page.next_after;
        let is_last = page.logs.len() < LINES_READ;
        lines.extend(page.logs);
        if is_last {
            return Ok((lines, after));
        }
    }
}

async fn page_after(id: &str, after: u64, client: &Client) -> Result<LogPage, Failure> {
    let query = [("after", after.to_string()), ("limit", LINES_READ.to_string())];
    client.get(&format!("/v1/runs/{id}/logs"), &query).await
}

/// What is known of a run.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The number of the last line shown.
    after: u64,
    /// Whether its end has been shown.
    has_ended: bool,
}

/// Follows the runs of one deployment.
#[derive(Debug)]
pub(super) struct Watch {
    deployment: String,
    known: HashMap<String, Known>,
}

impl Watch {
    /// Begins to follow a deployment; what is not [known](Self::know) is shown from its first line.
    pub(super) fn new(deployment: String) -> Self {
        Self { deployment, known: HashMap::new() }
    }

    /// Says what has been shown of a run already.
    pub(super) fn know(&mut self, run: &Run, after: u64) {
        let has_ended = is_terminal(&run.status);
        self.known.insert(run.run_id.clone(), Known { after, has_ended });
    }

    /// Takes runs that were not shown for known as far as they have come: following is about what comes from now on.
    pub(super) async fn skip(&mut self, answers: &[Value], client: &Client) -> Result<(), Failure> {
        for answer in answers {
            let run: Run = understood(answer)?;
            if self.known.contains_key(&run.run_id) {
                continue;
            }
            let after = if is_terminal(&run.status) { 0 } else { lines_after(&run.run_id, 0, client).await?.1 };
            self.know(&run, after);
        }
        Ok(())
    }

    /// Shows what is new, for ever.
    pub(super) async fn follow(&mut self, view: &mut LogView, client: &Client) -> Result<(), Failure> {
        loop {
            self.step(view, client).await?;
            arrived()?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Shows what is new.
    pub(super) async fn step(&mut self, view: &mut LogView, client: &Client) -> Result<(), Failure> {
        let latest = self.read_down_to_known(client).await?;
        let mut listed = HashSet::with_capacity(latest.len());
        let mut runs = Vec::with_capacity(latest.len());
        for answer in latest {
            let run: Run = understood(&answer)?;
            listed.insert(run.run_id.clone());
            runs.push((run, answer));
        }
        // A long run is followed to its end however many newer ones stand before it in the list. Ended runs that left the
        // list are forgotten: it is read only as far down as the known ones reach.
        self.known.retain(|id, known| listed.contains(id) || !known.has_ended);
        let mut away: Vec<String> = self.known.keys().filter(|id| !listed.contains(*id)).cloned().collect();
        // Ids sort by time.
        away.sort();
        for id in away {
            match read_run(&id, client).await {
                Ok(answer) => self.show(&understood(&answer)?, &answer, view, client).await?,
                // Its history has been cleaned away meanwhile.
                Err(failure) if failure.problem.code == ErrorCode::NotFound.as_str() => drop(self.known.remove(&id)),
                Err(failure) => return Err(failure),
            }
        }
        for (run, answer) in runs.iter().rev() {
            self.show(run, answer, view, client).await?;
        }
        Ok(())
    }

    /// Reads the latest runs, page after page, until one holds a known run: all that are new stand before or beside it.
    async fn read_down_to_known(&self, client: &Client) -> Result<Vec<Value>, Failure> {
        let mut list = Vec::new();
        let mut cursor = None;
        loop {
            let page = page_of_runs(&self.deployment, cursor, client).await?;
            let is_known = |run: &Value| run["run_id"].as_str().is_some_and(|id| self.known.contains_key(id));
            let meets_known = page.runs.iter().any(is_known);
            list.extend(page.runs);
            cursor = page.next_cursor;
            if meets_known || cursor.is_none() {
                return Ok(list);
            }
        }
    }

    /// Shows what is new of a run.
    async fn show(&mut self, run: &Run, answer: &Value, view: &mut LogView, client: &Client) -> Result<(), Failure> {
        let known = self.known.entry(run.run_id.clone()).or_insert(Known { after: 0, has_ended: false });
        if known.has_ended || run.status == "queued" {
            return Ok(());
        }
        let (lines, after) = lines_after(&run.run_id, known.after, client).await?;
        view.lines(run, &lines);
        known.after = after;
        // The status was read before the lines: a run that had ended then has no further ones.
        if is_terminal(&run.status) {
            view.end(run, answer);
            known.has_ended = true;
        }
        Ok(())
    }

    /// Shows one run's lines until it ends; returns it as it came then.
    pub(super) async fn follow_run(
        run: Run,
        after: u64,
        view: &mut LogView,
        client: &Client,
    ) -> Result<Value, Failure> {
        let mut after = after;
        loop {
            let page = page_after(&run.run_id, after, client).await?;
            after = page.next_after;
            view.lines(&run, &page.logs);
            arrived()?;
            let is_drained = page.logs.len() < LINES_READ;
            if is_drained && is_terminal(&page.status) {
                let answer = read_run(&run.run_id, client).await?;
                view.end(&understood(&answer)?, &answer);
                return Ok(answer);
            }
            if is_drained {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
