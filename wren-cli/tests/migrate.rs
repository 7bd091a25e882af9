//! `wren store migrate`: everything of one store in another, whatever the technology and however often it is cut off.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use serde_json::Value;
use support::{Ended, Wren, eventually, http};
use wren_conformance::servers::PostgresServer;

const SCRIPT: &str = r#"import wren


@wren.on_schedule(every="1s")
def tick():
    wren.state["ticks"] = wren.state.get("ticks", 0) + 1
    print("tick", wren.state["ticks"], "\x00 \N{SNOWMAN}")
    return {"ticks": wren.state["ticks"]}


@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin", retries=2)
def daily():
    raise RuntimeError("broken on purpose")
"#;

/// Makes a store with a bit of everything in it, and stops its server.
fn filled() -> Wren {
    let mut wren = Wren::start(&[]);
    let file = wren.write("tick.py", SCRIPT);
    let other = wren.write("gone.py", "def job():\n    pass\n");
    wren.json(["deploy", &file, "--json"]);
    wren.json(["deploy", &other, "--json"]);
    wren.json(["run", "gone", "--wait", "--json"]);
    wren.json(["undeploy", "gone", "--json"]);
    wren.run(["run", "tick", "--func", "daily", "--wait", "--json"]);
    let changed = format!("{SCRIPT}\n# A second revision.\n");
    std::fs::write(wren.path("tick.py"), changed).unwrap();
    wren.json(["deploy", &file, "--json"]);
    eventually("a few runs", || {
        let runs = http::get(&wren, "/v1/runs?status=success");
        (runs["runs"].as_array().unwrap().len() >= 4).then_some(())
    });
    wren.json(["pause", "tick", "--reason", "moving house", "--json"]);
    assert!(wren.stop_gracefully().success());
    wren
}

fn migrate(wren: &Wren, from: &str, to: &str) -> Ended {
    wren.run(["store", "migrate", "--from", from, "--to", to, "--json"])
}

#[track_caller]
fn migrated(wren: &Wren, from: &str, to: &str) -> Value {
    let ended = migrate(wren, from, to);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.document()
}

/// Returns the three stores that a copy goes through, as far as they are there.
fn stations() -> Vec<String> {
    let mut stations = vec!["sqlite:data/wren.db".to_owned(), "redb:copy.redb".to_owned()];
    let server = PostgresServer::shared();
    if wren_conformance::requirement("PostgreSQL", server.map(drop)) {
        stations.push(server.unwrap().create_database());
    }
    stations.push("sqlite:back.db".to_owned());
    stations
}

#[test]
fn a_store_that_went_through_every_technology_is_the_one_it_was() {
    let mut wren = filled();
    let stations = stations();
    let copies: Vec<Value> = stations.windows(2).map(|pair| migrated(&wren, &pair[0], &pair[1])).collect();
    assert!(copies[0]["runs"].as_u64().unwrap() >= 6, "{copies:?}");
    assert_eq!(copies[0]["deployments"], 2);
    for copy in &copies {
        assert_eq!(copy["sha256"], copies[0]["sha256"]);
        assert_eq!(copy["resumed"], false);
        for kind in ["deployments", "runs", "records"] {
            assert_eq!(copy[kind], copies[0][kind], "{copy}");
        }
    }

    // A server on the copy knows the key, and goes on where the first one stopped.
    wren.move_to("sqlite:back.db");
    wren.start_server();
    let before = http::get(&wren, "/v1/runs")["runs"].as_array().unwrap().len();
    assert_eq!(http::get(&wren, "/v1/deployments")["deployments"][0]["status"], "paused");
    wren.json(["resume", "tick", "--json"]);
    eventually("a run on the copy", || {
        let runs = http::get(&wren, "/v1/runs?status=success");
        let runs = runs["runs"].as_array().unwrap().clone();
        (runs.len() > before && runs[0]["status"] == "success").then_some(())
    });
}

#[test]
fn a_copy_that_is_killed_goes_on_where_it_was() {
    let wren = filled();
    let mut resumed = 0;
    for point in 1.. {
        let mut command =
            wren.command(["store", "migrate", "--from", "sqlite:data/wren.db", "--to", "redb:copy.redb", "--json"]);
        let ended = Ended::from(command.env("WREN_FAILPOINT", point.to_string()).output().unwrap());
        if ended.code == 0 {
            // No such point any more: this one went through.
            assert_eq!(ended.document()["resumed"], true);
            break;
        }
        resumed += 1;
        assert!(ended.stdout.is_empty(), "only a kill ends it early: {ended:?}");
    }
    assert!(resumed > 3, "only {resumed} kills");
    let whole = migrated(&wren, "sqlite:data/wren.db", "redb:again.redb");
    let copied = migrated(&wren, "redb:copy.redb", "redb:twice.redb");
    assert_eq!(copied["sha256"], whole["sha256"]);
}

#[test]
fn what_cannot_be_copied_is_refused_and_left_alone() {
    let wren = filled();
    let source = "sqlite:data/wren.db";
    let refused = |from: &str, to: &str, code: i32, what: &str| {
        let ended = migrate(&wren, from, to);
        assert_eq!(ended.code, code, "{ended:?}");
        let error = ended.error();
        assert!(error["message"].as_str().unwrap().contains(what), "{error}");
        assert!(error["hint"].is_string(), "{error}");
    };
    refused(source, source, 2, "the same store");
    refused("sqlite:nowhere.db", "redb:copy.redb", 1, "nowhere.db");
    refused("memory", "redb:copy.redb", 1, "memory");
    let first = migrated(&wren, source, "redb:copy.redb");
    refused(source, "redb:copy.redb", 1, "not empty");
    assert_eq!(migrated(&wren, "redb:copy.redb", "sqlite:check.db")["sha256"], first["sha256"]);
}
