//! Which triggers a mail fires: asked by the index, and one by one.

use std::hint::black_box;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use wren_core::TriggerId;
use wren_trigger_email::{Filter, FilterIndex, Mail, MailLimits};

use super::workload;

/// How long each side is measured at least, in seconds.
const LONG_ENOUGH: f64 = 0.5;
const MAILBOX: &str = "INBOX";

/// Both sides at one number of triggers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) triggers: usize,
    /// How long it takes to put the index together.
    pub(crate) build_ms: f64,
    /// For one mail, that has been read.
    pub(crate) index_us: f64,
    pub(crate) one_by_one_us: f64,
    /// One by one ÷ index.
    pub(crate) ratio: f64,
    /// How many triggers a mail fires on average.
    pub(crate) fired: f64,
    /// What a tenfold of triggers multiplied the index's time by; none in the first row.
    pub(crate) index_growth: Option<f64>,
    pub(crate) one_by_one_growth: Option<f64>,
}

/// Measures both sides at numbers of triggers that grow tenfold, up to the largest.
///
/// # Errors
/// When the two sides do not find the same triggers, or rules cannot be read.
pub(crate) fn measure(largest: usize) -> Result<Vec<Row>, String> {
    let mails: Vec<Mail> = workload::mails().iter().map(|raw| Mail::parse(raw, &MailLimits::default())).collect();
    let mut rows: Vec<Row> = Vec::new();
    for triggers in sizes(largest) {
        let mut row = measure_at(triggers, &mails)?;
        if let Some(before) = rows.last() {
            // Of a last step that is less than tenfold, what a tenfold would be at that pace.
            let step = (triggers as f64 / before.triggers as f64).log10();
            let growth = |now: f64, before: f64| Some((now / before).powf(1.0 / step));
            row.index_growth = growth(row.index_us, before.index_us);
            row.one_by_one_growth = growth(row.one_by_one_us, before.one_by_one_us);
        }
        rows.push(row);
    }
    Ok(rows)
}

fn sizes(largest: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(10), |size| Some(size * 10)).take_while(move |size| *size < largest).chain([largest])
}

fn measure_at(triggers: usize, mails: &[Mail]) -> Result<Row, String> {
    let filters = (0..triggers).map(filter).collect::<Result<Vec<_>, _>>()?;
    let copies = filters.clone();
    let started = Instant::now();
    let index = FilterIndex::new(copies);
    let build_ms = started.elapsed().as_secs_f64() * 1e3;
    let one_by_one = |mail: &Mail| -> Vec<TriggerId> {
        filters.iter().filter(|(_, filter)| filter.matches(mail, MAILBOX)).map(|(id, _)| *id).collect()
    };
    let mut fired = 0;
    for mail in mails {
        let found = index.matching(mail, MAILBOX);
        if found != one_by_one(mail) {
            return Err(format!("the sides differ at {triggers} triggers"));
        }
        fired += found.len();
    }
    let index_us = each_us(mails, |mail| index.matching(mail, MAILBOX).len());
    let one_by_one_us = each_us(mails, |mail| one_by_one(mail).len());
    Ok(Row {
        triggers,
        build_ms,
        index_us,
        one_by_one_us,
        ratio: one_by_one_us / index_us,
        fired: fired as f64 / mails.len() as f64,
        index_growth: None,
        one_by_one_growth: None,
    })
}

fn filter(number: usize) -> Result<(TriggerId, Filter), String> {
    let Value::Object(config) = workload::rules(number) else { return Err("rules are a dict".to_owned()) };
    let filter = Filter::parse(&config).map_err(|faults| format!("{faults:?}"))?;
    Ok((TriggerId::new(), filter))
}

/// Goes through the mails again and again until it took long enough; returns the time of each, in microseconds.
fn each_us(mails: &[Mail], mut ask: impl FnMut(&Mail) -> usize) -> f64 {
    let started = Instant::now();
    let mut asked = 0;
    while asked == 0 || started.elapsed().as_secs_f64() < LONG_ENOUGH {
        for mail in mails {
            black_box(ask(black_box(mail)));
        }
        asked += mails.len();
    }
    started.elapsed().as_secs_f64() * 1e6 / asked as f64
}
