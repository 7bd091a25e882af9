//! What the process tells about itself: here its figures, what is counted and timed, and how it is read.

mod spans;

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub(crate) use self::spans::OtlpSpans;
use crate::failure::Failure;

/// How often what has been timed is summed up, so that it takes no more room when nobody reads it.
const UPKEEP: Duration = Duration::from_secs(5);
/// The upper bounds of times, in seconds: from what an instance takes to what is late.
const BOUNDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Begins to record what the parts of the process count and time. Sums up until the process ends.
pub(crate) fn record() -> Result<PrometheusHandle, Failure> {
    let begin = || -> Result<PrometheusHandle, Box<dyn std::error::Error + Send + Sync>> {
        let builder = PrometheusBuilder::new();
        let recorder =
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BOUNDS)?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)?;
        Ok(handle)
    };
    let handle = begin().map_err(|error| Failure::internal("recording metrics", error))?;
    wren_core::engine::describe_measures();
    wren_http::describe_measures();
    wren_integrations::describe_measures();
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}
