//! The figures of a real server, as a real Prometheus reads them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{Wren, eventually, http};

const PROGRAM: &str = "/usr/bin/prometheus";
/// What comes with Wren for whoever operates it.
const OPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ops");

/// A Prometheus that ends with its value.
struct Prometheus {
    process: Child,
    url: String,
}

impl Prometheus {
    /// Starts one that reads a server and has the rules that come with Wren.
    fn start(wren: &Wren) -> Self {
        std::fs::copy(format!("{OPS}/rules.yml"), wren.path("rules.yml")).unwrap();
        wren.write("wren.key", wren.key());
        let shipped = std::fs::read_to_string(format!("{OPS}/prometheus.yml")).unwrap();
        let target = wren.url().strip_prefix("http://").unwrap();
        let config = shipped.replace("127.0.0.1:7878", target).replace("/etc/prometheus/", "").replace("15s", "200ms");
        let config = wren.write("prometheus.yml", config);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(PROGRAM)
            .args([&format!("--config.file={config}"), &format!("--web.listen-address=127.0.0.1:{port}")])
            .args(["--storage.tsdb.path=series", "--log.level=error"])
            .current_dir(wren.path(""))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }

    /// Asks it; none while it has not begun to answer.
    fn ask(&self, path: &str) -> Option<Value> {
        let (status, answer) = http::try_request(&self.url, "GET", path, &[], b"").ok()?;
        (status == 200).then(|| answer["data"].clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The names of figures that a text speaks of, without what Prometheus makes of a histogram.
fn figures(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = words.filter(|word| word.starts_with("wren_"));
    names.map(|name| name.trim_end_matches("_bucket").trim_end_matches("_count").to_owned()).collect()
}

#[test]
fn prometheus_reads_the_figures_and_the_rules_and_the_dashboard_speak_of_no_others() {
    let check = if Path::new(PROGRAM).exists() { Ok(()) } else { Err("apt-get install prometheus") };
    if !wren_conformance::requirement("Prometheus", check) {
        return;
    }
    let clients = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(clients.path(), "[gmail]\nclient_id = \"wren\"\nclient_secret = \"shh\"\n").unwrap();
    let wren = Wren::start(&["--oauth-clients", clients.path().to_str().unwrap()]);
    let script = "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef job():\n    wren.state[\"seen\"] = True\n";
    let file = wren.write("job.py", script);
    wren.json(["deploy", &file, "--json"]);
    let prometheus = Prometheus::start(&wren);
    let runs = "/api/v1/query?query=sum(wren_runs_total%7Boutcome%3D%22success%22%7D)";
    eventually("a run among the figures", || {
        let found = prometheus.ask(runs)?["result"][0]["value"][1].as_str()?.parse::<f64>().ok()?;
        (found >= 1.0).then_some(())
    });
    let targets = prometheus.ask("/api/v1/targets").unwrap();
    assert_eq!(targets["activeTargets"][0]["health"], "up", "{targets}");
    let rules = eventually("the rules", || {
        let rules = prometheus.ask("/api/v1/rules")?["groups"][0]["rules"].as_array()?.clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(rules.len() >= 6 && rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");

    let told = http::get_text(&wren, "/metrics");
    let known: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    for file in ["rules.yml", "grafana.json"] {
        let spoken = figures(&std::fs::read_to_string(format!("{OPS}/{file}")).unwrap());
        assert!(spoken.len() > 4 && spoken.is_subset(&known), "{file} speaks of {spoken:?}, there are {known:?}");
    }
}
