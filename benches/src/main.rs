//! `wren-bench`: Wren beside what it competes with, in one process and one run, so that the figures are ratios.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to watch")]

mod machine;
mod report;
mod runs;
mod samples;

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Fresh isolated runs of the same scripts: bare `python3`, the process executor, the WebAssembly executor.
    Runs(runs::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let report = match cli.command {
        Command::Runs(args) => runs::run(args).await,
    };
    match report {
        Ok(report) => {
            report.print(cli.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
