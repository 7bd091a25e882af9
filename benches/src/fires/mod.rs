//! `wren-bench fires`: due times become durable records, on time, and runs.

mod bursts;
mod end_to_end;
mod lateness;
mod world;

use std::path::PathBuf;

use crate::Failure;
use crate::report::Report;
use crate::stores::recording;

/// Options of `wren-bench fires`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many due times are recorded beside raw inserts.
    #[arg(long, default_value_t = 50_000)]
    fires: usize,
    /// How many triggers are due in the same second.
    #[arg(long, default_value_t = 10_000)]
    burst: usize,
    /// How many triggers are due every second.
    #[arg(long, default_value_t = 500)]
    rate: usize,
    /// For how many seconds they are.
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// How many runs go the whole way, with the WebAssembly executor.
    #[arg(long, default_value_t = 5_000)]
    runs: usize,
    /// The folder of the databases; a temporary one without it. Its disk is what durable writes wait for.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// An interpreter that has APScheduler (`pip install apscheduler`); without one it is left out.
    #[arg(long, env = "WREN_BENCH_PYTHON", default_value = "python3")]
    python: PathBuf,
}

/// Measures.
pub(crate) async fn run(args: Args) -> Result<Report, Failure> {
    let mut report = Report::new();
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let folder = folder.path();
    let recorded = recording::sqlite(folder, args.fires).await?;
    let title = "Due times recorded on SQLite, synchronous=FULL";
    report.table("recording", title, &recording::HEADER, &[&recorded], |row| row.cells());
    let burst = bursts::measure(folder, args.burst).await?;
    let header = ["triggers", "recorded", "all after ms", "others", "others' start p99 ms"];
    report.table("burst", "Due in the same second, on SQLite", &header, &[&burst], |row| row.cells());
    let late = lateness::measure(folder, args.rate, args.seconds, &args.python).await?;
    let header = ["scheduler", "due", "counted", "p50 ms", "p99 ms", "durable"];
    report.table("lateness", "So many due in each second: how late they are", &header, &late, lateness::Row::cells);
    let whole = end_to_end::measure(folder, args.runs).await?;
    let header = ["runs", "succeeded", "seconds", "runs/s"];
    report.table(
        "end_to_end",
        "Fire, isolated Python, result stored (SQLite, WebAssembly)",
        &header,
        &[&whole],
        |row| row.cells(),
    );
    let mut ratios = vec![burst.ratio(), whole.ratio()];
    ratios.extend(recorded.target());
    ratios.extend(lateness::ratios(&late));
    report.ratios(&ratios);
    Ok(report)
}
