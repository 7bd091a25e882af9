//! One run at a time, each side in its turn, so that whatever else the machine does falls on all of them.

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;

use super::contenders::Contender;
use super::{HELLO, USUAL_IMPORTS};
use crate::Failure;
use crate::report::{Ratio, Target};
use crate::samples::{Samples, Summary};

/// Runs of each pair before the first that counts.
const WARM_UP: usize = 5;

/// The least that a Python process can do: no script, no `site`.
const NOTHING: &str = "pass";
const NOTHING_SIDE: &str = "python3 -I -S -c pass";

/// One side on one script.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) script: &'static str,
    pub(crate) side: &'static str,
    #[serde(flatten)]
    pub(crate) summary: Summary,
}

impl Row {
    pub(crate) fn cells(&self) -> Vec<String> {
        let Summary { samples, mean_ms, p50_ms, p99_ms } = self.summary;
        let figure = |figure: f64| format!("{figure:.2}");
        let name = format!("{}: {}", self.script, self.side);
        vec![name, samples.to_string(), figure(mean_ms), figure(p50_ms), figure(p99_ms)]
    }
}

/// Runs every script on every side, `rounds` times.
pub(crate) async fn measure(contenders: &[Contender], rounds: usize) -> Result<Vec<Row>, Failure> {
    let mut pairs = Vec::new();
    for sample in [HELLO, USUAL_IMPORTS] {
        for contender in contenders {
            pairs.push((sample.name, contender, contender.prepare(sample)?));
        }
    }
    let mut samples: HashMap<(&str, &str), Samples> = HashMap::new();
    for round in 0..WARM_UP + rounds {
        for (script, contender, prepared) in &pairs {
            let before = Instant::now();
            contender.run(prepared).await?;
            if round >= WARM_UP {
                samples.entry((script, contender.name())).or_default().push(before.elapsed());
            }
        }
        for contender in contenders {
            if let Contender::Bare(bare) = contender {
                let before = Instant::now();
                bare.run(&["-I", "-S", "-c", NOTHING].map(AsRef::as_ref)).await?;
                if round >= WARM_UP {
                    samples.entry((NOTHING, NOTHING_SIDE)).or_default().push(before.elapsed());
                }
            }
        }
    }
    let nothing = [(NOTHING, NOTHING_SIDE)].into_iter();
    let order = nothing.chain(pairs.iter().map(|(script, contender, _)| (*script, contender.name())));
    Ok(order
        .filter_map(|(script, side)| Some(Row { script, side, summary: samples.get(&(script, side))?.summary()? }))
        .collect())
}

/// Returns how the medians stand to each other; a side that was left out has no ratio.
pub(crate) fn ratios(rows: &[Row]) -> Vec<Ratio> {
    let median = |script: &str, side: &str| {
        rows.iter().find(|row| row.script == script && row.side == side).map(|row| row.summary.p50_ms)
    };
    let usual = |side| median(USUAL_IMPORTS.name, side);
    let bare = "python3 -I script.py";
    let pairs = [
        ("usual imports: python3 ÷ wasm", usual(bare), usual("wasm executor"), Target::AtLeast(25.0)),
        (
            "hello: python3 -I -S -c pass ÷ wasm",
            median(NOTHING, NOTHING_SIDE),
            median(HELLO.name, "wasm executor"),
            Target::AtLeast(5.0),
        ),
        ("usual imports: process ÷ python3", usual("process executor"), usual(bare), Target::AtMost(1.3)),
    ];
    pairs
        .into_iter()
        .filter_map(|(what, over, under, target)| Some(Ratio { what, ratio: over? / under?, target }))
        .collect()
}
