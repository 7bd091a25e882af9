//! Queues that others have on PostgreSQL, on the same server: each worked by a program in its own language.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::jobs::Row;
use super::server::Server;
use crate::Failure;

const GRAPHILE_WORKER: &str = include_str!("../../scripts/graphile_worker.mjs");
const PG_BOSS: &str = include_str!("../../scripts/pg_boss.mjs");
const PROCRASTINATE: &str = include_str!("../../scripts/procrastinate_jobs.py");

/// How many jobs each has under way.
const CONCURRENCY: usize = 10;
/// After so long one is left out.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the others' programs find what they need.
#[derive(Debug, clap::Args)]
pub(super) struct Runtimes {
    /// The folder in which `npm install graphile-worker@0.17 pg-boss@10` was run (later ones need Node.js 22); without it
    /// these are left out.
    #[arg(long, env = "WREN_BENCH_NODE_MODULES")]
    node_modules: Option<PathBuf>,
    /// An interpreter that has Procrastinate (`pip install "procrastinate" "psycopg[binary,pool]"`); without one it is left
    /// out.
    #[arg(long, env = "WREN_BENCH_PYTHON", default_value = "python3")]
    python: PathBuf,
}

#[derive(Debug, Clone, Copy)]
enum Language {
    JavaScript,
    Python,
}

/// A queue in one way of using it.
#[derive(Debug)]
struct Rival {
    name: &'static str,
    method: &'static str,
    language: Language,
    script: &'static str,
    /// How many jobs are enqueued at once.
    batch: usize,
    /// It does one job where a batched one does so many.
    share: usize,
}

const RIVALS: [Rival; 4] = [
    Rival {
        name: "graphile-worker",
        method: "enqueued 1,000 at once, local queue of 500, ends batched",
        language: Language::JavaScript,
        script: GRAPHILE_WORKER,
        batch: 1_000,
        share: 1,
    },
    Rival {
        name: "graphile-worker",
        method: "one by one, 10 at a time",
        language: Language::JavaScript,
        script: GRAPHILE_WORKER,
        batch: 1,
        share: 10,
    },
    Rival {
        name: "pg-boss",
        method: "enqueued 1,000 at once, fetched and completed 50 at once",
        language: Language::JavaScript,
        script: PG_BOSS,
        batch: 1_000,
        share: 1,
    },
    Rival {
        name: "Procrastinate",
        method: "enqueued 1,000 at once, fetched and ended one by one, 10 at a time",
        language: Language::Python,
        script: PROCRASTINATE,
        batch: 1_000,
        share: 10,
    },
];

#[derive(Debug, Deserialize)]
struct Answer {
    enqueued_per_s: f64,
    completed_per_s: f64,
}

/// Measures those that there are.
pub(super) async fn measure(server: &Server, runtimes: &Runtimes, jobs: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for rival in RIVALS {
        let jobs = (jobs / rival.share).max(1);
        match rival.work(server, runtimes, jobs).await {
            Ok(Answer { enqueued_per_s, completed_per_s }) => rows.push(Row {
                side: rival.name,
                method: rival.method,
                jobs,
                enqueued_per_s: Some(enqueued_per_s),
                completed_per_s,
            }),
            Err(error) => eprintln!("left out: {}, {} ({error})", rival.name, rival.method),
        }
    }
    rows
}

impl Rival {
    async fn work(&self, server: &Server, runtimes: &Runtimes, jobs: usize) -> Result<Answer, Failure> {
        let mut command = self.program(runtimes)?;
        command.arg(server.url()).arg(server.schema());
        command.args([jobs, self.batch, CONCURRENCY].map(|number| number.to_string())).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await??;
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout)?);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().rev().find(|line| line.contains("Error"));
        Err(error.or(said.lines().last()).unwrap_or("it said nothing").trim().to_owned().into())
    }

    fn program(&self, runtimes: &Runtimes) -> Result<Command, Failure> {
        match self.language {
            Language::JavaScript => {
                let folder: &Path = runtimes.node_modules.as_deref().ok_or("no --node-modules")?;
                let mut node = Command::new("node");
                // What a script without a file imports is looked for from the working folder on.
                node.current_dir(folder).args(["--input-type=module", "-e", self.script, "--"]);
                Ok(node)
            }
            Language::Python => {
                let mut python = Command::new(&runtimes.python);
                python.args(["-c", self.script]);
                Ok(python)
            }
        }
    }
}
