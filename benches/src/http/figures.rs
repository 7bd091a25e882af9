//! What the server says of itself at `GET /metrics`.

use std::collections::BTreeMap;

use serde::Serialize;

const DELAY: &str = "wren_run_start_delay_seconds";

/// The figures of one moment.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, f64>);

/// How late the runs of one kind started.
#[derive(Debug, Serialize)]
pub(super) struct Delay {
    pub(super) kind: &'static str,
    pub(super) runs: u64,
    pub(super) mean_ms: f64,
    /// The bound of the bucket in which the 99th of a hundred is, in milliseconds; none above the last bound.
    pub(super) p99_below_ms: Option<f64>,
}

impl Figures {
    /// Reads Prometheus's text format.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figures = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(figures.collect())
    }

    fn sum(&self, name: &str, label: &str) -> f64 {
        let is_asked = |series: &str| {
            series.strip_prefix(name).is_some_and(|labels| labels.starts_with('{') && labels.contains(label))
        };
        self.0.iter().filter(|(series, _)| is_asked(series)).map(|(_, value)| value).sum()
    }

    /// Returns how many attempts ended since an earlier moment, by how they ended.
    pub(super) fn ended_since(&self, before: &Self) -> BTreeMap<&'static str, u64> {
        let outcomes = ["success", "failed", "timeout", "cancelled", "retry"].into_iter().map(|outcome| {
            let label = format!("outcome=\"{outcome}\"");
            let count = |figures: &Self| figures.sum("wren_runs_total", &label);
            (outcome, (count(self) - count(before)) as u64)
        });
        outcomes.filter(|(_, count)| *count > 0).collect()
    }

    /// Returns how late runs of a kind started since an earlier moment, if any did.
    pub(super) fn delay_since(&self, before: &Self, kind: &'static str) -> Option<Delay> {
        let label = format!("kind=\"{kind}\"");
        let grown = |part: &str| {
            let name = format!("{DELAY}_{part}");
            self.sum(&name, &label) - before.sum(&name, &label)
        };
        let runs = grown("count");
        let mut bounds: Vec<f64> = self.0.keys().filter_map(|series| bound(series)).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let p99 = bounds.into_iter().find(|bound| {
            let name = format!("{DELAY}_bucket");
            let below = |figures: &Self| {
                let of_kind =
                    figures.0.iter().filter(|(series, _)| series.starts_with(&name) && series.contains(&label));
                of_kind.filter(|(series, _)| self::bound(series) == Some(*bound)).map(|(_, value)| value).sum::<f64>()
            };
            below(self) - below(before) >= runs * 0.99
        });
        (runs > 0.0).then(|| Delay {
            kind,
            runs: runs as u64,
            mean_ms: grown("sum") / runs * 1000.0,
            p99_below_ms: p99.map(|bound| bound * 1000.0),
        })
    }
}

/// Returns the finite upper bound of a bucket of start delays.
fn bound(series: &str) -> Option<f64> {
    let labels = series.strip_prefix(DELAY)?.strip_prefix("_bucket{")?;
    let bound: f64 = labels.split_once("le=\"")?.1.split_once('"')?.0.parse().ok()?;
    bound.is_finite().then_some(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_between_two_moments_is_told() {
        let moment = |runs: u32| {
            Figures::parse(&format!(
                "# TYPE wren_runs_total counter\n\
                 wren_runs_total{{outcome=\"success\",executor=\"wasm\"}} {runs}\n\
                 wren_run_start_delay_seconds_bucket{{kind=\"schedule\",le=\"0.001\"}} 0\n\
                 wren_run_start_delay_seconds_bucket{{kind=\"schedule\",le=\"0.5\"}} {runs}\n\
                 wren_run_start_delay_seconds_bucket{{kind=\"schedule\",le=\"+Inf\"}} {runs}\n\
                 wren_run_start_delay_seconds_sum{{kind=\"schedule\"}} {}\n\
                 wren_run_start_delay_seconds_count{{kind=\"schedule\"}} {runs}\n",
                f64::from(runs) * 0.25
            ))
        };
        let (before, after) = (moment(3), moment(13));
        assert_eq!(after.ended_since(&before), BTreeMap::from([("success", 10)]));
        let delay = after.delay_since(&before, "schedule").unwrap_or_else(|| panic!("there were runs"));
        assert_eq!((delay.runs, delay.p99_below_ms), (10, Some(500.0)));
        assert!((delay.mean_ms - 250.0).abs() < 1e-6);
        assert!(after.delay_since(&before, "manual").is_none());
    }
}
