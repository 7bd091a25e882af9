//! Following runs: asking the server again and again for what is new.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::log_view::LogView;
use super::understood;
use crate::client::Client;
use crate::failure::Failure;
use crate::wire::LogLine;
use crate::wire::{LogPage, Run, RunPage, is_terminal};

/// How long between two questions.
const PAUSE: Duration = Duration::from_millis(300);
/// How many of the latest runs are looked at.
pub(super) const RUNS_READ: usize = 100;
/// How many lines are asked for at once.
const LINES_READ: usize = 1_000;

/// Reads a run, as it came.
pub(super) async fn read_run(id: &str, client: &Client) -> Result<Value, Failure> {
    client.get(&format!("/v1/runs/{id}"), &[]).await
}

/// Reads the latest runs of a deployment, as they came, latest first.
pub(super) async fn runs_of(id: &str, limit: usize, client: &Client) -> Result<Vec<Value>, Failure> {
    let query = [("limit", limit.to_string())];
    let page: RunPage = client.get(&format!("/v1/deployments/{id}/runs"), &query).await?;
    Ok(page.runs)
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

    /// Shows what is new, for ever.
    pub(super) async fn follow(&mut self, view: &mut LogView, client: &Client) -> Result<(), Failure> {
        loop {
            self.step(view, client).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Shows what is new.
    pub(super) async fn step(&mut self, view: &mut LogView, client: &Client) -> Result<(), Failure> {
        let mut answers = runs_of(&self.deployment, RUNS_READ, client).await?;
        answers.reverse();
        let mut next = HashMap::with_capacity(answers.len());
        for answer in answers {
            let run: Run = understood(&answer)?;
            let mut known = self.known.get(&run.run_id).copied().unwrap_or(Known { after: 0, has_ended: false });
            if !known.has_ended && run.status != "queued" {
                let (lines, after) = lines_after(&run.run_id, known.after, client).await?;
                view.lines(&run, &lines);
                known.after = after;
                // The status was read before the lines: a run that had ended then has no further ones.
                if is_terminal(&run.status) {
                    view.end(&run, &answer);
                    known.has_ended = true;
                }
            }
            next.insert(run.run_id, known);
        }
        // Runs that left the page are forgotten: they are older than all that can come.
        self.known = next;
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
