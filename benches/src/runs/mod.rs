//! `wren-bench runs`: what a fresh isolated run costs.

mod contenders;
mod held;
mod latency;
mod queued;
mod throughput;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use wren_core::executor::Executor as _;
use wren_exec_process::{ProcessExecutor, ProcessOptions};
use wren_exec_wasm::{WasmExecutor, WasmOptions};

use crate::Failure;
use crate::report::{Report, mebibytes};
use contenders::{Bare, Contender, Isolated};

/// Options of `wren-bench runs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each script runs on each side, in turns.
    #[arg(long, default_value_t = 300)]
    rounds: usize,
    /// How long each side runs as many scripts as it can, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many runs are held at once to see what one of them takes.
    #[arg(long, default_value_t = 32)]
    held: usize,
    /// How many runs are handed to the WebAssembly executor at once.
    #[arg(long, default_value_t = 1000)]
    queued: usize,
    /// How many of them its pool has room for.
    #[arg(long, default_value_t = 64)]
    instances: u32,
    /// The interpreter; searched for, past any shim, when it is not given.
    #[arg(long, env = "WREN_PYTHON")]
    python: Option<PathBuf>,
}

/// A script in every contender's form: it prints what `main` prints when it is run, and does nothing when it is imported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
}

const HELLO: Sample = Sample { name: "hello", source: include_str!("../../scripts/hello.py") };
const USUAL_IMPORTS: Sample = Sample { name: "usual imports", source: include_str!("../../scripts/usual_imports.py") };

/// What starting an executor takes.
#[derive(Debug, Serialize)]
struct Start {
    executor: &'static str,
    ms: f64,
}

/// Measures all sides.
pub(crate) async fn run(args: Args) -> Result<Report, Failure> {
    let mut report = Report::new();
    let (wasm, first) = timed(|| WasmExecutor::start(WasmOptions::default()));
    let started = Instant::now();
    let mut options = ProcessOptions::default();
    options.python = args.python.clone();
    let process = ProcessExecutor::start(options).await;
    let starts = [
        Start { executor: "wasm", ms: first },
        Start { executor: "process", ms: started.elapsed().as_secs_f64() * 1000.0 },
    ];
    wasm.check().await?;

    let mut contenders: Vec<Contender> = Vec::new();
    match (process.check().await, process.python()) {
        (Ok(()), Some(python)) => {
            report.note("python", &python);
            contenders.push(Contender::Bare(Bare::new(python)));
            contenders.push(Contender::Isolated(Isolated::new("process executor", process)?));
        }
        (Err(error), _) => eprintln!("left out: bare python3 and the process executor ({})", error.message()),
        (Ok(()), None) => {}
    }
    contenders.push(Contender::Isolated(Isolated::new("wasm executor", wasm)?));

    let latencies = latency::measure(&contenders, args.rounds).await?;
    report.table(
        "latency",
        "One run at a time, in turns",
        &["script and side", "runs", "mean ms", "p50 ms", "p99 ms"],
        &latencies,
        latency::Row::cells,
    );
    report.ratios(&latency::ratios(&latencies));
    let window = Duration::from_secs(args.seconds);
    report.table(
        "throughput",
        "As many as go, with two runs under way for each core",
        &["script and side", "runs/s"],
        &throughput::measure(&contenders, window).await?,
        throughput::Row::cells,
    );
    report.table(
        "memory",
        "Memory of one waiting run (proportional set size)",
        &["side", "runs held", "each"],
        &held::measure(&contenders, args.held).await?,
        held::Row::cells,
    );
    report.table(
        "queued",
        "Runs that write 8 MiB each, handed over at once (WebAssembly executor)",
        &["runs", "instances", "done", "seconds", "peak", "peak for each instance"],
        &queued::measure(args.queued, args.instances).await?,
        queued::Row::cells,
    );
    report.table("start", "Start of an executor", &["executor", "ms"], &starts, |start| {
        vec![start.executor.to_owned(), format!("{:.1}", start.ms)]
    });
    report.note("guest_bytes", &wren_exec_wasm::guest_bytes());
    if let Ok(binary) = std::env::current_exe().and_then(std::fs::metadata) {
        report.note("binary_bytes", &binary.len());
        report.line(format!(
            "guest {}, this binary {}",
            mebibytes(wren_exec_wasm::guest_bytes() as u64),
            mebibytes(binary.len())
        ));
    }
    Ok(report)
}

fn timed<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let before = Instant::now();
    let made = make();
    (made, before.elapsed().as_secs_f64() * 1000.0)
}
