//! What stands on the server before the load: deployments, and runs to ask for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::{Value, json};

use super::client::{Client, Question};
use crate::Failure;

/// How many of the latest runs are asked for.
const KNOWN: usize = 256;
/// How many runs there are before the load.
const BEFORE: usize = 20;

/// The deployments, and the latest runs.
#[derive(Debug)]
pub(super) struct Scene {
    /// Prints for as long as it is told.
    pub(super) followed: String,
    /// Is due every second.
    pub(super) ticking: String,
    /// Runs when it is asked for.
    pub(super) asked: String,
    runs: RwLock<Vec<String>>,
    place: AtomicUsize,
}

impl Scene {
    /// Deploys the scripts, and has one of them run a few times.
    pub(super) async fn set(client: &mut Client) -> Result<Self, Failure> {
        let mut deploy = async |name: &str, script: &str| -> Result<String, Failure> {
            let body = json!({"name": name, "script": script}).to_string();
            let answer = client.json(&Question::post("/v1/scripts/deploy", body)).await?;
            Ok(answer["deployment_id"].as_str().ok_or("a deploy was answered without an id")?.to_owned())
        };
        let scene = Self {
            followed: deploy("followed", include_str!("../../scripts/followed.py")).await?,
            ticking: deploy("ticking", include_str!("../../scripts/ticking.py")).await?,
            asked: deploy("asked", include_str!("../../scripts/asked.py")).await?,
            runs: RwLock::default(),
            place: AtomicUsize::new(0),
        };
        for number in 0..BEFORE {
            run(client, &scene.asked, &json!(number)).await.map(|run| scene.learn(run))?;
        }
        while !scene.is_done(client).await? {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(scene)
    }

    /// Remembers a run, in place of the oldest.
    pub(super) fn learn(&self, run: String) {
        let mut runs = self.runs.write();
        if runs.len() < KNOWN {
            runs.push(run);
        } else {
            let place = self.place.fetch_add(1, Ordering::Relaxed) % KNOWN;
            runs[place] = run;
        }
    }

    /// Returns one of the latest runs.
    pub(super) fn some_run(&self, number: u64) -> String {
        let runs = self.runs.read();
        let place = usize::try_from(number).unwrap_or_default() % runs.len().max(1);
        runs.get(place).cloned().unwrap_or_default()
    }

    async fn is_done(&self, client: &mut Client) -> Result<bool, Failure> {
        let path = format!("/v1/deployments/{}/runs?status=queued,running&limit=1", self.asked);
        Ok(client.json(&Question::get(path)).await?["runs"].as_array().is_some_and(Vec::is_empty))
    }
}

/// Asks for a run; returns its id.
pub(super) async fn run(client: &mut Client, deployment: &str, event: &Value) -> Result<String, Failure> {
    let path = format!("/v1/deployments/{deployment}/runs");
    let answer = client.json(&Question::post(path, json!({"event": event}).to_string())).await?;
    Ok(answer["run_id"].as_str().ok_or("a run was answered without an id")?.to_owned())
}
