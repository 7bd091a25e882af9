//! `wren-bench http`: a real server under requests at a constant rate, with followers and runs beside them.

mod client;
mod figures;
mod followers;
mod load;
mod mix;
mod scene;
mod server;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::Failure;
use crate::report::{Ratio, Report, Target, mebibytes};
use crate::samples::Spread;
use client::{Client, Question};
use figures::{Delay, Figures};
use followers::Followers;
use load::Plan;
use scene::Scene;
use server::{Server, Settings};
use watch::{Taken, Watch};

/// How many streams of events a key is used for: the server lets it have a hundred.
const STREAMS_OF_A_KEY: usize = 90;
/// How much longer than the load the long runs last, in seconds.
const MARGIN: u64 = 5;

/// Options of `wren-bench http`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The binary `wren`; the one beside this program without it.
    #[arg(long)]
    wren: Option<PathBuf>,
    /// The store, as `wren serve --store` takes it; not memory.
    #[arg(long, default_value = "sqlite")]
    store: String,
    /// The executor, as `wren serve --executor` takes it.
    #[arg(long, default_value = "wasm")]
    executor: String,
    /// How many requests are sent in each second, whether or not those before are answered.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// For how many seconds they are.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_500))]
    seconds: u64,
    /// How many follow runs meanwhile; half of them runs that last as long, half of them one short run after the other.
    #[arg(long, default_value_t = 200)]
    followers: usize,
    /// How many lines a followed run prints in a second.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    lines: u64,
    /// Over how many connections the requests go.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// What each server is told as `--rate-limit`; of several the later ones stand beside the first.
    #[arg(long, default_value = "unlimited", value_delimiter = ',', value_name = "LIMIT")]
    rate_limits: Vec<String>,
}

/// Latencies of one kind of request.
#[derive(Debug, Serialize)]
struct Route {
    rate_limit: String,
    route: &'static str,
    #[serde(flatten)]
    latency: Spread,
}

/// What one server did.
#[derive(Debug, Serialize)]
struct Pass {
    rate_limit: String,
    sent: u64,
    answered_per_second: f64,
    errors: BTreeMap<String, u64>,
    /// How much later than meant requests left the client.
    held_back: Spread,
    followers: Following,
    server: Taken,
    runs: BTreeMap<&'static str, u64>,
    delays: Vec<Delay>,
}

/// What the followers saw of one server.
#[derive(Debug, Serialize)]
struct Following {
    lines: u64,
    states: u64,
    ends: u64,
    gaps: u64,
    faults: Vec<String>,
    /// From when the executor had a line until a follower had it.
    lag: Option<Spread>,
}

/// Measures.
pub(crate) async fn run(args: Args) -> Result<Report, Failure> {
    let mut report = Report::new();
    let wren = args.wren.clone().map_or_else(beside, Ok)?;
    let (mut routes, mut passes) = (Vec::new(), Vec::new());
    for rate_limit in &args.rate_limits {
        let settings = Settings {
            wren: wren.clone(),
            store: args.store.clone(),
            executor: args.executor.clone(),
            // Every followed run has a place, and those that come and go have as many.
            concurrency: 4 * followers::RUNS_OF_EACH,
            rate_limit: rate_limit.clone(),
            keys: args.followers.div_ceil(STREAMS_OF_A_KEY).max(1),
        };
        let server = Server::start(&settings).await?;
        match pass(&args, &server, rate_limit).await {
            Ok((of_routes, pass)) => {
                routes.extend(of_routes);
                passes.push(pass);
            }
            Err(error) => return Err(format!("{error}\nthe server's log ends:\n{}", server.log_tail()).into()),
        }
        server.stop().await?;
    }
    tell(&mut report, &args, &routes, &passes);
    Ok(report)
}

/// Returns the binary beside this one.
fn beside() -> Result<PathBuf, Failure> {
    let wren = std::env::current_exe()?.with_file_name("wren");
    if wren.is_file() {
        return Ok(wren);
    }
    let hint = "build it with `cargo build --release -p wren-cli`, or name one with --wren";
    Err(format!("there is no {}: {hint}", wren.display()).into())
}

async fn pass(args: &Args, server: &Server, rate_limit: &str) -> Result<(Vec<Route>, Pass), Failure> {
    let mut client = Client::connect(&server.address, &server.keys[0]).await?;
    let scene = Arc::new(Scene::set(&mut client).await?);
    let with = (server.address.as_str(), server.keys.as_slice());
    let followers = Followers::start(args.followers, args.seconds + MARGIN, args.lines, &scene, with).await?;
    let before = figures(&mut client).await?;
    let watch = Watch::start(server.pid);
    let connections = usize::from(args.connections);
    let plan = Plan { rate: args.rate, seconds: args.seconds, connections };
    let tally = load::put(plan, &scene, &server.address, &server.keys).await?;
    let taken = watch.stop();
    // The connection may have been idle for longer than the server waits.
    let mut client = Client::connect(&server.address, &server.keys[0]).await?;
    let after = figures(&mut client).await?;
    let seen = followers.finish().await?;

    let mut routes = Vec::new();
    let mut route = |route, samples: &crate::samples::Samples| {
        routes.extend(samples.spread().map(|latency| Route { rate_limit: rate_limit.to_owned(), route, latency }));
    };
    route("all", &tally.all());
    tally.latencies.iter().for_each(|(kind, samples)| route(kind.route(), samples));
    let answered = tally.sent - tally.errors.values().sum::<u64>();
    let pass = Pass {
        rate_limit: rate_limit.to_owned(),
        sent: tally.sent,
        answered_per_second: answered as f64 / tally.took.as_secs_f64(),
        errors: tally.errors,
        held_back: tally.held_back.spread().ok_or("nothing was sent")?,
        followers: Following {
            lines: seen.lines,
            states: seen.states,
            ends: seen.ends,
            gaps: seen.gaps,
            faults: seen.faults,
            lag: seen.lags.spread(),
        },
        server: taken,
        runs: after.ended_since(&before),
        delays: ["schedule", "manual"].into_iter().filter_map(|kind| after.delay_since(&before, kind)).collect(),
    };
    Ok((routes, pass))
}

async fn figures(client: &mut Client) -> Result<Figures, Failure> {
    let (status, body) = client.ask(&Question::get("/metrics")).await?;
    if status != 200 {
        return Err(format!("GET /metrics was answered with {status}").into());
    }
    Ok(Figures::parse(std::str::from_utf8(&body)?))
}

fn tell(report: &mut Report, args: &Args, routes: &[Route], passes: &[Pass]) {
    report.line(format!(
        "{} and {}: {} requests a second for {} s over {} connections, {} followers of runs with {} lines a second",
        args.store, args.executor, args.rate, args.seconds, args.connections, args.followers, args.lines
    ));
    let header = ["route", "rate limit", "requests", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"];
    report.table("latency", "Latency, from when a request was due", &header, routes, |row| {
        let names = [row.route.to_owned(), row.rate_limit.clone(), row.latency.samples.to_string()];
        names.into_iter().chain(row.latency.cells()).collect()
    });
    let header = ["rate limit", "sent", "answered/s", "errors", "held back p50 ms", "p90", "p99", "p99.9", "max"];
    report.table("requests", "Requests, and how late they left the client", &header, passes, |pass| {
        let errors = pass.errors.values().sum::<u64>().to_string();
        let rate = format!("{:.1}", pass.answered_per_second);
        let names = [pass.rate_limit.clone(), pass.sent.to_string(), rate, errors];
        names.into_iter().chain(pass.held_back.cells()).collect()
    });
    let header = ["rate limit", "lines", "ends", "gaps", "faults", "lag p50 ms", "p90", "p99", "p99.9", "max"];
    report.table("followers", "What the followers saw", &header, passes, |pass| {
        let Following { lines, ends, gaps, faults, lag, .. } = &pass.followers;
        let counts = [*lines, *ends, *gaps, faults.len() as u64].map(|count| count.to_string());
        let lag = lag.iter().flat_map(Spread::cells);
        [pass.rate_limit.clone()].into_iter().chain(counts).chain(lag).collect()
    });
    let header =
        ["rate limit", "RSS first", "median", "last", "max", "growth/min", "descriptors", "CPU s", "client's CPU s"];
    report.table("server", "What the server took", &header, passes, |pass| {
        let taken = &pass.server;
        vec![
            pass.rate_limit.clone(),
            mebibytes(taken.resident_first),
            mebibytes(taken.resident_median),
            mebibytes(taken.resident_last),
            mebibytes(taken.resident_max),
            format!("{:.2} MiB", taken.growth_per_minute / f64::from(1 << 20)),
            taken.descriptors_max.to_string(),
            format!("{:.1}", taken.cpu_s),
            format!("{:.1}", taken.own_cpu_s),
        ]
    });
    let delays: Vec<(&Pass, &Delay)> =
        passes.iter().flat_map(|pass| pass.delays.iter().map(move |delay| (pass, delay))).collect();
    let header = ["started meanwhile", "rate limit", "runs", "mean delay ms", "p99 below ms"];
    report.table("delays", "Runs beside the load, from when they might start", &header, &delays, |(pass, delay)| {
        vec![
            delay.kind.to_owned(),
            pass.rate_limit.clone(),
            delay.runs.to_string(),
            format!("{:.1}", delay.mean_ms),
            delay.p99_below_ms.map_or_else(|| "-".to_owned(), |bound| format!("{bound:.0}")),
        ]
    });
    report.note("passes", &passes);
    report.ratios(&ratios(args, passes));
    for pass in passes {
        for (error, count) in &pass.errors {
            report.fault(format!("{count} × {error}"));
        }
        if pass.followers.gaps > 0 {
            report.fault(format!("{} lines were missing or there twice", pass.followers.gaps));
        }
        pass.followers.faults.iter().for_each(|fault| report.fault(fault.clone()));
        for (outcome, count) in pass.runs.iter().filter(|(outcome, _)| **outcome != "success") {
            report.fault(format!("{count} runs ended as {outcome}"));
        }
    }
}

fn ratios(args: &Args, passes: &[Pass]) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for pass in passes {
        let rate = pass.answered_per_second / args.rate as f64;
        ratios.push(Ratio { what: "answered, beside sent", ratio: rate, target: Target::AtLeast(0.98) });
        let what = "memory in the last quarter, beside the second";
        ratios.push(Ratio { what, ratio: pass.server.last_beside_second_quarter, target: Target::AtMost(1.1) });
    }
    let first = passes.first();
    for (first, other) in passes.iter().skip(1).filter_map(|pass| Some((first?, pass))) {
        let what = "processor time with a limit, beside the first";
        ratios.push(Ratio { what, ratio: other.server.cpu_s / first.server.cpu_s, target: Target::AtMost(1.1) });
    }
    ratios
}
