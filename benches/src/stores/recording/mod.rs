//! Due times recorded by a store, beside the same rows inserted by its technology alone: as durably, with as many in each
//! transaction.

mod postgres;
mod redb;
mod sqlite;

use std::time::Instant;

use serde::Serialize;
use wren_core::store::{RecordFires, Store};

pub(crate) use postgres::postgres;
pub(crate) use redb::redb;
pub(crate) use sqlite::sqlite;

use super::opened::Technology;
use crate::Failure;
use crate::report::{Ratio, Target};
use crate::workload::{BATCH, Workload};

/// A store and its technology, recording the same.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) store: Technology,
    rows: usize,
    pub(crate) rate: f64,
    raw: &'static str,
    raw_rate: f64,
    ratio: f64,
}

pub(crate) const HEADER: [&str; 6] = ["store", "fires", "fires/s", "raw", "rows/s", "fires ÷ raw"];

impl Row {
    fn new(store: Technology, rows: usize, rate: f64, raw: &'static str, raw_rate: f64) -> Self {
        Self { store, rows, rate, raw, raw_rate, ratio: rate / raw_rate }
    }

    pub(crate) fn cells(&self) -> Vec<String> {
        let Self { store, rows, rate, raw, raw_rate, ratio } = self;
        vec![
            store.as_str().to_owned(),
            rows.to_string(),
            format!("{rate:.0}"),
            (*raw).to_owned(),
            format!("{raw_rate:.0}"),
            format!("{ratio:.2}"),
        ]
    }

    /// Returns the ratio that is to be reached, which SQLite stands for.
    pub(crate) fn target(&self) -> Option<Ratio> {
        let what = "fires recorded ÷ raw batched inserts, SQLite";
        (self.store == Technology::Sqlite).then_some(Ratio { what, ratio: self.ratio, target: Target::AtLeast(0.3) })
    }
}

/// Records due times, one transaction after the other; returns how many a second.
async fn record(store: &dyn Store, fires: usize) -> Result<f64, Failure> {
    let work = Workload::deploy(store).await?;
    let batches: Vec<_> = (0..fires / BATCH).map(|_| work.batch()).collect();
    let started = Instant::now();
    for batch in batches {
        store.record_fires(RecordFires::new(batch, work.start())).await?;
    }
    Ok(per_second(fires, started))
}

/// Returns how many due times are recorded when about so many are wanted: whole transactions of them.
fn whole_batches(fires: usize) -> usize {
    fires.div_ceil(BATCH).max(1) * BATCH
}

fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}

/// Says so when the raw side did not insert what the store recorded.
fn check(inserted: usize, recorded: usize) -> Result<(), Failure> {
    if inserted == recorded {
        return Ok(());
    }
    Err(format!("the raw side inserted {inserted} rows of {recorded}").into())
}
