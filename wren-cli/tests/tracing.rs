//! The spans of a real server, as a collector gets them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

#[path = "support/collector.rs"]
mod collector;
mod support;

use collector::{Collector, text};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use support::{Wren, eventually, http};

const SCRIPT: &str = "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef job():\n    wren.state[\"seen\"] = 1\n";
/// The example of W3C Trace Context.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn start(collector: &Collector, more: &[&str]) -> Wren {
    let url = collector.url();
    let options = [&["--otlp-endpoint", &url], more].concat();
    // What a run cost is sent soon.
    let mut wren = Wren::prepare("sqlite", &options);
    wren.try_start_server(&[
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
    ]);
    wren
}

fn of<'a>(spans: &'a [Span], name: &'a str) -> impl Iterator<Item = &'a Span> {
    spans.iter().filter(move |span| span.name == name)
}

#[test]
fn a_deploy_its_first_fire_and_the_run_of_it_are_one_trace_and_later_fires_link_to_it() {
    let collector = Collector::start();
    let wren = start(&collector, &[]);
    let file = wren.write("job.py", SCRIPT);
    let deployed = wren.json(["deploy", &file, "--json"]);
    let spans = eventually("two runs", || {
        let spans = collector.spans();
        (of(&spans, "run").count() >= 2).then_some(spans)
    });
    let deploy = of(&spans, "deploy").next().unwrap();
    assert_eq!(text(&deploy.attributes, "wren.deployment.id").as_deref(), deployed["deployment_id"].as_str());
    let ours: Vec<&Span> = spans.iter().filter(|span| span.trace_id == deploy.trace_id).collect();
    let one = |name: &str| {
        let found: Vec<_> = ours.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {ours:#?}");
        (**found[0]).clone()
    };
    let (fire, run, call) = (one("fire"), one("run"), one("state.set"));
    assert!(deploy.parent_span_id.is_empty() && fire.parent_span_id == deploy.span_id);
    assert!(run.parent_span_id == fire.span_id && call.parent_span_id == run.span_id);
    assert_eq!(ours.len(), 4, "{ours:#?}");
    assert_eq!(
        (deploy.kind, fire.kind, run.kind),
        (SpanKind::Producer as i32, SpanKind::Producer as i32, SpanKind::Consumer as i32)
    );
    assert_eq!(text(&run.attributes, "wren.outcome").as_deref(), Some("success"));
    assert!(
        fire.start_time_unix_nano <= fire.end_time_unix_nano && run.start_time_unix_nano <= call.start_time_unix_nano
    );

    // The request is in the caller's trace, and the deploy names it.
    let request = of(&spans, "POST /v1/scripts/deploy").next().unwrap();
    assert_eq!(deploy.links.iter().map(|link| &link.span_id).collect::<Vec<_>>(), [&request.span_id]);
    // A later fire is a trace of its own.
    let later = of(&spans, "fire").find(|fire| fire.trace_id != deploy.trace_id).unwrap();
    assert!(later.parent_span_id.is_empty() && later.links.iter().any(|link| link.span_id == deploy.span_id));
    assert_eq!(collector.resource("service.name").as_deref(), Some("wren"));
    assert_eq!(collector.resource("deployment.environment").as_deref(), Some("test"));
}

#[test]
fn a_run_that_somebody_asks_for_is_in_the_callers_trace() {
    let collector = Collector::start();
    let mut wren = start(&collector, &[]);
    let file = wren.write("job.py", "def job():\n    1 / 0\n");
    let deployed = wren.json(["deploy", &file, "--json"]);
    let id = deployed["deployment_id"].as_str().unwrap();
    let (authorization, parent) =
        (format!("Authorization: Bearer {}", wren.key()), format!("traceparent: 00-{TRACE}-{PARENT}-01"));
    let path = format!("/v1/deployments/{id}/runs");
    let (status, answer) = http::try_request(wren.url(), "POST", &path, &[&authorization, &parent], b"{}").unwrap();
    assert_eq!(status, 202, "{answer}");
    let run = answer["run_id"].as_str().unwrap();
    eventually("the run's end", || (http::get(&wren, &format!("/v1/runs/{run}"))["status"] == "failed").then_some(()));
    // The last spans leave before the process ends.
    assert!(wren.stop_gracefully().success());
    let spans = collector.spans();
    let ours: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    let names: Vec<&str> = ours.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let one = |name: &str| *ours.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{names:?}"));
    let (request, fire, run) = (one("POST /v1/deployments/{id}/runs"), one("fire"), one("run"));
    assert_eq!(hex(&request.parent_span_id), PARENT);
    assert_eq!((hex(&fire.parent_span_id), hex(&run.parent_span_id)), (hex(&request.span_id), hex(&fire.span_id)));
    assert_eq!(text(&run.attributes, "error.type").as_deref(), Some("SCRIPT_EXCEPTION"));
    assert_eq!(text(&run.attributes, "wren.correlation_id").as_deref(), Some(TRACE));
}

#[test]
fn a_part_of_the_traces_can_be_sent_and_a_collector_that_is_not_there_costs_nothing_but_spans() {
    let collector = Collector::start();
    let mut wren = start(&collector, &["--trace-ratio", "0"]);
    wren.json(["status", "--json"]);
    assert!(wren.stop_gracefully().success());
    assert_eq!(collector.spans(), []);

    let mut wren = Wren::start(&["--otlp-endpoint", "http://127.0.0.1:1"]);
    let file = wren.write("job.py", SCRIPT);
    let deployed = wren.json(["deploy", &file, "--json"]);
    let id = deployed["deployment_id"].as_str().unwrap().to_owned();
    eventually("a run", || http::all_runs(&wren, &id).iter().any(|run| run["status"] == "success").then_some(()));
    assert!(wren.stop_gracefully().success());
}
