//! `wren-bench email`: which of many triggers a mail fires, asked by the index and one by one.

mod sides;
mod workload;

use crate::Failure;
use crate::report::{Ratio, Report, Target};

/// Options of `wren-bench email`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many triggers there are at most; each row has ten times those of the one before, from ten on.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..))]
    triggers: u32,
}

/// Measures the index of email rules beside asking each trigger.
pub(crate) async fn run(args: Args) -> Result<Report, Failure> {
    let mut report = Report::new();
    let largest = usize::try_from(args.triggers)?;
    let rows = tokio::task::spawn_blocking(move || sides::measure(largest)).await??;
    let header = ["triggers", "index µs", "one by one µs", "ratio", "index ×10", "one by one ×10", "fired", "build ms"];
    let title = "A mail, and which of the triggers it fires; ×10 is what ten times the triggers cost";
    report.table("email", title, &header, &rows, |row| {
        let growth = |growth: Option<f64>| growth.map_or_else(|| "-".to_owned(), |growth| format!("{growth:.2}"));
        vec![
            row.triggers.to_string(),
            format!("{:.1}", row.index_us),
            format!("{:.1}", row.one_by_one_us),
            format!("{:.1}", row.ratio),
            growth(row.index_growth),
            growth(row.one_by_one_growth),
            format!("{:.2}", row.fired),
            format!("{:.1}", row.build_ms),
        ]
    });
    if let Some(largest) = rows.last() {
        let mut ratios = vec![Ratio {
            what: "email rules, most triggers: one by one ÷ index",
            ratio: largest.ratio,
            target: Target::AtLeast(10.0),
        }];
        if let Some(growth) = largest.index_growth {
            ratios.push(Ratio {
                what: "email rules: the index's time for ten times the triggers",
                ratio: growth,
                target: Target::AtMost(5.0),
            });
        }
        report.ratios(&ratios);
    }
    Ok(report)
}
