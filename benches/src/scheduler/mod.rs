//! `wren-bench scheduler`: what knowing the next due time costs, for one expression and for a million of them.

mod apscheduler;
mod expressions;
mod planner;
mod rivals;

use std::path::PathBuf;

use crate::Failure;
use crate::report::{Ratio, Report, Target};

/// Options of `wren-bench scheduler`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many triggers the largest plan has.
    #[arg(long, default_value_t = 1_000_000)]
    triggers: u128,
    /// How many jobs the other schedulers get.
    #[arg(long, default_value_t = 2_000)]
    jobs: u32,
    /// An interpreter that has APScheduler (`pip install apscheduler`); without one it is left out.
    #[arg(long, env = "WREN_BENCH_PYTHON", default_value = "python3")]
    python: PathBuf,
}

/// Measures Wren's planner beside what others have.
pub(crate) async fn run(args: Args) -> Result<Report, Failure> {
    let mut report = Report::new();
    let python = apscheduler::measure(&args.python, args.jobs).await;
    if let Err(error) = &python {
        eprintln!("left out: APScheduler ({error})");
    }
    let python = python.ok();

    let expressions = expressions::measure(python.as_ref());
    let header = ["what and side", "ns each"];
    report.table("expressions", "One expression, on average over several", &header, &expressions, |row| row.cells());
    let plans: Vec<_> = planner::sizes(args.triggers).map(planner::measure).collect();
    let header = ["triggers", "add ns each", "bytes each", "pop M/s"];
    report.table("planner", "The planner, as it grows", &header, &plans, planner::Row::cells);
    let mut others = vec![planner::as_rival(args.jobs), rivals::tokio_cron_scheduler(args.jobs).await?];
    others.extend(python.map(|python| python.jobs));
    let header = ["scheduler", "jobs", "add µs each", "KiB each"];
    report.table("rivals", "Jobs added, all with schedules of their own", &header, &others, rivals::Row::cells);

    let mut ratios = expressions::ratios(&expressions);
    if let Some(largest) = plans.last() {
        ratios.extend([
            Ratio {
                what: "planner: MB for a million triggers",
                ratio: largest.bytes_each,
                target: Target::AtMost(200.0),
            },
            Ratio {
                what: "planner: million due times taken a second",
                ratio: largest.pops_m,
                target: Target::AtLeast(2.0),
            },
        ]);
    }
    report.ratios(&ratios);
    Ok(report)
}
