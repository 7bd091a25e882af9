//! Jobs that do nothing, on one PostgreSQL server: Wren's nodes beside other queues.

use serde::Serialize;

use super::nodes;
use super::rivals::{self, Runtimes};
use super::server::Server;
use crate::Failure;
use crate::report::{Ratio, Target};

/// A queue in one way of using it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) side: &'static str,
    pub(super) method: &'static str,
    pub(super) jobs: usize,
    pub(super) enqueued_per_s: Option<f64>,
    pub(super) completed_per_s: f64,
}

pub(super) const HEADER: [&str; 4] = ["side and method", "jobs", "enqueued/s", "completed/s"];

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        let Self { side, method, jobs, enqueued_per_s, completed_per_s } = self;
        let enqueued = enqueued_per_s.map_or_else(String::new, |rate| format!("{rate:.0}"));
        vec![format!("{side}: {method}"), jobs.to_string(), enqueued, format!("{completed_per_s:.0}")]
    }
}

/// What was measured, and what should have been.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) rows: Vec<Row>,
    pub(super) ratios: Vec<Ratio>,
}

/// Measures one node, two, and the others. How fast Wren's jobs are enqueued is known from recording them.
pub(super) async fn measure(
    server: &Server,
    runtimes: &Runtimes,
    jobs: usize,
    enqueued_per_s: Option<f64>,
) -> Result<Measured, Failure> {
    let one = nodes::work_off(server, 1, jobs).await?;
    let two = nodes::work_off(server, 2, jobs).await?;
    let wren = |side, worked: &nodes::Worked| Row {
        side,
        method: "recorded 1,000 at once, claimed 500 at once",
        jobs: worked.runs,
        enqueued_per_s,
        completed_per_s: worked.rate,
    };
    let mut rows = vec![wren("wren, one node", &one), wren("wren, two nodes", &two)];
    rows.extend(rivals::measure(server, runtimes, jobs).await);
    let ratios = vec![
        Ratio {
            what: "PostgreSQL, two nodes: claimed and finished a second ÷ 10,000",
            ratio: two.rate / 10_000.0,
            target: Target::AtLeast(1.0),
        },
        Ratio {
            what: "PostgreSQL, two nodes: runs claimed twice",
            ratio: two.twice as f64,
            target: Target::AtMost(0.0),
        },
    ];
    Ok(Measured { rows, ratios })
}
