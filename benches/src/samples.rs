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

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// Returns `None` without samples.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let mut sorted: Vec<f64> = self.0.iter().map(|sample| sample.as_secs_f64() * 1000.0).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // The nearest rank.
        let at = |share: f64| sorted[((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last)];
        Some(Summary {
            samples: sorted.len(),
            mean_ms: sorted.iter().sum::<f64>() / sorted.len() as f64,
            p50_ms: at(0.50),
            p99_ms: at(0.99),
        })
    }
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
    }
}
