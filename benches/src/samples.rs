//! Durations, and what is said of them.

use std::time::Duration;

use serde::Serialize;

/// Durations of one thing that was done again and again.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples(Vec<Duration>);

/// What is said of samples, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Summary {
    pub(crate) samples: usize,
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// How samples are spread, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) samples: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl Spread {
    /// Returns the figures for a table, without the count.
    pub(crate) fn cells(&self) -> [String; 5] {
        [self.p50_ms, self.p90_ms, self.p99_ms, self.p999_ms, self.max_ms].map(|ms| format!("{ms:.2}"))
    }
}

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns `None` without samples.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let sorted = self.sorted();
        Some(Summary {
            samples: sorted.len(),
            mean_ms: sorted.iter().sum::<f64>() / sorted.len() as f64,
            p50_ms: rank(&sorted, 0.50)?,
            p99_ms: rank(&sorted, 0.99)?,
        })
    }

    /// Returns `None` without samples.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let sorted = self.sorted();
        Some(Spread {
            samples: sorted.len(),
            p50_ms: rank(&sorted, 0.50)?,
            p90_ms: rank(&sorted, 0.90)?,
            p99_ms: rank(&sorted, 0.99)?,
            p999_ms: rank(&sorted, 0.999)?,
            max_ms: rank(&sorted, 1.0)?,
        })
    }

    /// Returns the samples in milliseconds, in order.
    fn sorted(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.0.iter().map(|sample| sample.as_secs_f64() * 1000.0).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// Returns the nearest rank.
fn rank(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut samples = Samples::default();
        assert!(samples.summary().is_none());
        for number in (1..=100).rev() {
            samples.push(Duration::from_millis(number));
        }
        let summary = samples.summary().unwrap_or_else(|| panic!("there are samples"));
        assert_eq!((summary.samples, summary.p50_ms, summary.p99_ms), (100, 50.0, 99.0));
        assert!((summary.mean_ms - 50.5).abs() < 1e-9);
        let spread = samples.spread().unwrap_or_else(|| panic!("there are samples"));
        assert_eq!(spread.cells(), ["50.00", "90.00", "99.00", "100.00", "100.00"]);
    }
}
