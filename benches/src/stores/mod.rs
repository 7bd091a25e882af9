//! `wren-bench stores`: what each store does in a second, beside its technology alone and beside other queues.

mod clients;
mod jobs;
mod nodes;
mod opened;
mod operations;
pub(crate) mod recording;
mod rivals;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::Failure;
use crate::report::Report;
use opened::{Places, Technology};
use operations::Loaded;
use rivals::Runtimes;
use server::Server;

/// Options of `wren-bench stores`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The stores.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["sqlite", "redb", "postgres"])]
    stores: Vec<Technology>,
    /// How many clients call at once.
    #[arg(long, value_delimiter = ',', default_values = ["1", "64", "256"])]
    clients: Vec<usize>,
    /// How long they do, in seconds; a call that is under way then is waited for.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How many due times are recorded beside raw inserts.
    #[arg(long, default_value_t = 30_000)]
    fires: usize,
    /// How many runs wait when clients begin to claim.
    #[arg(long, default_value_t = 30_000)]
    queued: usize,
    /// How many jobs nodes and other queues work off on PostgreSQL; those that take them one by one get a tenth.
    #[arg(long, default_value_t = 60_000)]
    jobs: usize,
    /// The folder of the files; a temporary one without it. Its disk is what durable writes wait for.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The URL of a PostgreSQL database, in which schemas may be made and dropped; without it PostgreSQL is left out.
    #[arg(long, env = "WREN_BENCH_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    #[command(flatten)]
    runtimes: Runtimes,
}

/// What clients got out of a store.
#[derive(Debug, Serialize)]
struct Row {
    store: Technology,
    what: &'static str,
    rates: Vec<Rate>,
}

/// How much some number of clients did.
#[derive(Debug, Serialize)]
struct Rate {
    clients: usize,
    per_second: f64,
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let mut cells = vec![format!("{}: {}", self.store.as_str(), self.what)];
        cells.extend(self.rates.iter().map(|rate| format!("{:.0}", rate.per_second)));
        cells
    }
}

/// Measures.
pub(crate) async fn run(args: Args) -> Result<Report, Failure> {
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let server = match &args.postgres {
        Some(url) => Some(Server::find(url).await?),
        None => None,
    };
    if server.is_none() && args.stores.contains(&Technology::Postgres) {
        eprintln!("left out: PostgreSQL and what stands on it (no --postgres URL)");
    }
    let measured = measure(&args, &Places { folder: folder.path(), server: server.as_ref() }).await;
    if let Some(server) = &server {
        server.clean().await?;
    }
    measured
}

async fn measure(args: &Args, places: &Places<'_>) -> Result<Report, Failure> {
    let mut report = Report::new();
    if let Some(server) = places.server {
        report.line(server.settings.line());
        report.note("postgres", &server.settings);
    }
    let mut rows = Vec::new();
    let mut recorded = Vec::new();
    for technology in &args.stores {
        recorded.extend(places.record(*technology, args.fires).await?);
        rows.extend(operations(args, places, *technology).await?);
    }
    let clients: Vec<String> = args.clients.iter().map(|clients| clients.to_string()).collect();
    let header: Vec<&str> = ["store and operation"].into_iter().chain(clients.iter().map(String::as_str)).collect();
    report.table("operations", "Done durably in a second, by so many clients at once", &header, &rows, Row::cells);
    report.table(
        "recording",
        "Due times recorded in transactions of 1,000, beside the same rows inserted in such transactions",
        &recording::HEADER,
        &recorded,
        recording::Row::cells,
    );
    let mut ratios: Vec<_> = recorded.iter().filter_map(recording::Row::target).collect();
    if let Some(server) = places.server.filter(|_| args.stores.contains(&Technology::Postgres)) {
        let enqueued = recorded.iter().find(|row| row.store == Technology::Postgres).map(|row| row.rate);
        let measured = jobs::measure(server, &args.runtimes, args.jobs, enqueued).await?;
        let title = format!("Jobs that do nothing, on the same {}", server.settings.line());
        report.table("jobs", &title, &jobs::HEADER, &measured.rows, jobs::Row::cells);
        ratios.extend(measured.ratios);
    }
    report.ratios(&ratios);
    Ok(report)
}

/// Measures the operations on a store. What claims work on is not made larger by what was recorded to measure recording.
async fn operations(args: &Args, places: &Places<'_>, technology: Technology) -> Result<Vec<Row>, Failure> {
    let row = |what| Row { store: technology, what, rates: Vec::new() };
    let mut fires = row("fires, 1,000 a call");
    let mut claims = row("claim and finish, one at a time");
    let mut appends = row("log appends, 10 lines a call");
    let window = Duration::try_from_secs_f64(args.seconds)?;
    let Some(opened) = places.open(technology, "fires").await? else { return Ok(Vec::new()) };
    let loaded = Loaded::new(opened.store()).await?;
    for clients in args.clients.iter().copied() {
        fires.rates.push(Rate { clients, per_second: loaded.fires(clients, window).await? });
    }
    opened.close().await?;
    let Some(opened) = places.open(technology, "claims").await? else { return Ok(Vec::new()) };
    let loaded = Loaded::new(opened.store()).await?;
    for clients in args.clients.iter().copied() {
        loaded.fill(args.queued).await?;
        claims.rates.push(Rate { clients, per_second: loaded.claims(clients, window).await? });
        loaded.fill(clients).await?;
        appends.rates.push(Rate { clients, per_second: loaded.appends(clients, window).await? });
    }
    opened.close().await?;
    Ok(vec![fires, claims, appends])
}
