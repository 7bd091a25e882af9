//! Where spans go.

use clap::Args;

/// Where the spans of requests, deploys, fires, attempts and host calls go
#[derive(Debug, Clone, Args)]
pub(crate) struct TracingArgs {
    /// The OpenTelemetry collector that gets spans, as in `http://localhost:4318`, in OTLP over HTTP; `/v1/traces` is added. The
    /// other variables of OpenTelemetry's exporter hold, too: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`…
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL", value_parser = endpoint)]
    pub(crate) otlp_endpoint: Option<String>,
    /// Which part of all traces is sent, from 0 to 1; a trace is sent as a whole, by all servers or by none
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", hide_env_values = true, value_name = "RATIO", default_value = "1", value_parser = ratio)]
    pub(crate) trace_ratio: f64,
}

fn endpoint(text: &str) -> Result<String, String> {
    let is_address = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_address {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err("expected the address of a collector, as http://localhost:4318".to_owned())
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio: &f64| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "expected a number from 0 to 1, as 0.1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_an_address_and_a_ratio_is_at_most_one() {
        assert_eq!(endpoint("http://localhost:4318/"), Ok("http://localhost:4318".to_owned()));
        for wrong in ["", "localhost:4318", "grpc://localhost:4317", "http://"] {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ratio("0.25"), Ok(0.25));
        for wrong in ["", "-0.1", "1.1", "NaN", "all"] {
            assert!(ratio(wrong).is_err(), "{wrong}");
        }
    }
}
