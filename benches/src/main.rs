//! `wren-bench`: Wren beside what it competes with, in one process and one run, so that the figures are ratios.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to watch")]

mod email;
mod fires;
mod http;
mod machine;
mod report;
mod runs;
mod samples;
mod scheduler;
mod stores;
mod workload;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Wren beside what it competes with. Build it with `--release`.
#[derive(Debug, Parser)]
#[command(name = "wren-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document instead of tables.
    #[arg(long, global = true)]
    json: bool,
}

/// What can go wrong in a benchmark.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Subcommand)]
enum Command {
    /// Fresh isolated runs of the same scripts: bare `python3`, the process executor, the WebAssembly executor.
    Runs(runs::Args),
    /// The next due time, for one expression and for a million: Wren, croner, cron, tokio-cron-scheduler, APScheduler.
    Scheduler(scheduler::Args),
    /// Due times that become durable records, on time, and runs: Wren, raw inserts, tokio-cron-scheduler, APScheduler.
    Fires(fires::Args),
    /// Which of up to 100,000 email triggers a mail fires: the index beside asking one by one.
    Email(email::Args),
    /// What each store does in a second: SQLite, redb, PostgreSQL, beside raw inserts, graphile-worker, pg-boss, Procrastinate.
    Stores(stores::Args),
    /// A real server under requests at a constant rate, with followers and runs beside them: latency, errors, memory.
    Http(http::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let report = match cli.command {
        Command::Runs(args) => runs::run(args).await,
        Command::Scheduler(args) => scheduler::run(args).await,
        Command::Fires(args) => fires::run(args).await,
        Command::Email(args) => email::run(args).await,
        Command::Stores(args) => stores::run(args).await,
        Command::Http(args) => http::run(args).await,
    };
    match report {
        Ok(report) => {
            report.print(cli.json);
            if report.has_faults() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
