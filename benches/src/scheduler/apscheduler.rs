//! APScheduler, where an interpreter has it.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::rivals;
use crate::Failure;

const SCRIPT: &str = include_str!("../../scripts/apscheduler_jobs.py");

/// What the interpreter measured.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) next_ns: f64,
    pub(super) jobs: rivals::Row,
}

#[derive(Debug, Deserialize)]
struct Answer {
    next_ns: f64,
    add_seconds: f64,
    bytes: u64,
}

pub(super) async fn measure(python: &Path, jobs: u32) -> Result<Python, Failure> {
    let output = Command::new(python).args(["-c", SCRIPT, &jobs.to_string()]).output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it said nothing").to_owned().into());
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)?;
    let took = Duration::try_from_secs_f64(answer.add_seconds)?;
    Ok(Python { next_ns: answer.next_ns, jobs: rivals::Row::new("APScheduler", jobs, took, answer.bytes) })
}
