//! What one run takes while it waits.

use serde::Serialize;

use super::Sample;
use super::contenders::Contender;
use crate::Failure;
use crate::machine::memory_of_tree;
use crate::report::mebibytes;

const HOLD: Sample = Sample { name: "hold", source: include_str!("../../scripts/hold.py") };

/// One side.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    side: &'static str,
    runs: usize,
    bytes_for_each: u64,
}

impl Row {
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![self.side.to_owned(), self.runs.to_string(), mebibytes(self.bytes_for_each)]
    }
}

/// Holds `runs` of them at once on each side.
pub(crate) async fn measure(contenders: &[Contender], runs: usize) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for contender in contenders {
        let prepared = contender.prepare(HOLD)?;
        // What the first of them leaves behind for the others is not theirs.
        contender.hold(&prepared).await?.end().await;
        let before = memory_of_tree();
        let mut held = Vec::new();
        for _ in 0..runs {
            held.push(contender.hold(&prepared).await?);
        }
        let all = memory_of_tree().saturating_sub(before);
        for run in held {
            run.end().await;
        }
        rows.push(Row { side: contender.name(), runs, bytes_for_each: all / runs.max(1) as u64 });
    }
    Ok(rows)
}
