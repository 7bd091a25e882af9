//! `wren backup`, as a drill: a server is backed up, everything of it is destroyed, and another one goes on from the file, on a store of
//! another kind.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]
#![cfg(unix)]

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use support::{Ended, Wren, eventually, http};
use wren_conformance::servers::PostgresServer;

/// Where the master key is: outside of the data, as it is kept apart from backups of them.
const VAULT: &str = "file:master.key";

const SCRIPT: &str = r#"import time

import wren


@wren.on_schedule(every="1s", catch_up="all")
def tick():
    wren.state["ticks"] = wren.state.get("ticks", 0) + 1
    print("tick", wren.state["ticks"])


@wren.on_schedule(every="300d")
def secret():
    print("known")
    return len(wren.secret("vendor"))


@wren.on_schedule(every="301d")
def broken():
    raise RuntimeError("broken on purpose")


@wren.on_schedule(every="302d")
def long():
    time.sleep(600)


@wren.on_schedule(every="303d")
def many():
    for number in range(450):
        wren.state[f"key {number}"] = number
"#;

fn prepare(store: &str) -> Wren {
    let wren = Wren::prepare(store, &["--lease", "5s", "--drain", "1s", "--vault", VAULT]);
    let mut command = wren.command(["credentials", "set", "vendor", "--owner", "ada", "--vault", VAULT]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"0123456789").unwrap();
    assert!(child.wait().unwrap().success());
    wren
}

/// Lets the script have its secret. A file of redb is open in one process at a time, so no server runs on one then.
fn release(wren: &Wren) {
    wren.json(["credentials", "release", "vendor", "--owner", "ada", "--to", "drill", "--json"]);
}

fn postgres() -> Option<String> {
    let server = PostgresServer::shared();
    wren_conformance::requirement("PostgreSQL", server.map(drop)).then(|| server.unwrap().create_database())
}

fn back_up(wren: &Wren, file: &str) -> Ended {
    wren.run(["backup", "create", file, "--json"])
}

fn restore(wren: &Wren, file: &str) -> Ended {
    wren.run(["backup", "restore", file, "--vault", VAULT, "--json"])
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Runs a function that ends, and returns its run.
fn run(wren: &Wren, func: &str) -> Value {
    let queued = wren.json(["run", "drill", "--func", func, "--json"]);
    let path = format!("/v1/runs/{}", queued["run_id"].as_str().unwrap());
    eventually(func, || {
        let run = http::get(wren, &path);
        run["completed_at"].is_string().then_some(run)
    })
}

/// Makes a server with a history, one run of which has lost its log, and one that is running.
fn with_history(store: &str) -> (Wren, Value) {
    let mut wren = prepare(store);
    wren.start_server();
    let file = wren.write("drill.py", SCRIPT);
    wren.json(["deploy", &file, "--json"]);
    wren.stop_gracefully();
    release(&wren);
    wren.start_server();
    let old = run(&wren, "secret");
    assert_eq!(old["result"], 10, "{old}");
    eventually("an end that is past", || {
        (Utc::now() - instant(&old["completed_at"]) > TimeDelta::seconds(2)).then_some(())
    });
    wren.stop_gracefully();
    wren.try_start_server(&[("WREN_KEEP_LOGS", "1s")]);
    let path = format!("/v1/runs/{}", old["run_id"].as_str().unwrap());
    eventually("the end of its log", || (http::get(&wren, &path)["logs_pruned"] == true).then_some(()));
    assert_eq!(run(&wren, "broken")["status"], "failed");
    let long = wren.json(["run", "drill", "--func", "long", "--json"]);
    let path = format!("/v1/runs/{}", long["run_id"].as_str().unwrap());
    eventually("a run that goes on", || (http::get(&wren, &path)["status"] == "running").then_some(()));
    (wren, long)
}

/// Returns the deployment's id.
fn deployment(wren: &Wren) -> String {
    http::get(wren, "/v1/deployments")["deployments"][0]["id"].as_str().unwrap().to_owned()
}

/// Returns the runs of the schedule that fires, first due first.
fn ticks(wren: &Wren) -> Vec<Value> {
    let mut runs = http::all_runs(wren, &deployment(wren));
    runs.retain(|run| run["func"] == "tick" && run["trigger"] == "schedule");
    runs.reverse();
    runs
}

/// Backs up, destroys, restores into another store, and looks at everything.
fn drill(from: &str, to: &str) {
    let (mut wren, long) = with_history(from);
    if from == "redb" {
        let refused = back_up(&wren, "held.backup");
        assert_eq!((refused.code, refused.error()["code"].as_str()), (4, Some("STORE_UNAVAILABLE")), "{refused:?}");
        assert!(refused.error()["message"].as_str().unwrap().contains("another process"), "{refused:?}");
        assert!(!wren.path("held.backup").exists());
        wren.kill();
    }
    let ended = back_up(&wren, "drill.backup");
    assert_eq!(ended.code, 0, "{ended:?}");
    let made = ended.document();
    assert_eq!(made["deployments"], 1);
    assert!(ended.stderr.contains("master key"), "{ended:?}");
    let mode = std::fs::metadata(wren.path("drill.backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(wren.json(["backup", "verify", "drill.backup", "--json"]), made);

    // What is known by then and has ended is to be there again, to the letter. Later runs are lost.
    let mut later = None;
    if from == "redb" {
        wren.start_server();
        wren.kill();
    } else {
        later = Some(run(&wren, "broken"));
        wren.kill();
    }
    let at = instant(&made["created_at"]);
    wren.start_server();
    let ended_by_then = |run: &Value| run["completed_at"].is_string() && instant(&run["completed_at"]) < at;
    let known: Vec<Value> =
        http::all_runs(&wren, &deployment(&wren)).into_iter().filter(|run| ended_by_then(run)).collect();
    let logs =
        |wren: &Wren, run: &Value| http::get(wren, &format!("/v1/runs/{}/logs", run["run_id"].as_str().unwrap()));
    let known_logs: Vec<Value> = known.iter().map(|run| logs(&wren, run)).collect();
    assert!(known.len() > 2, "{known:?}");
    wren.kill();

    std::fs::remove_dir_all(wren.path("data")).ok();
    wren.move_to(to);
    let ended = restore(&wren, "drill.backup");
    assert_eq!(ended.code, 0, "{ended:?}");
    let restored = ended.document();
    assert_eq!((&restored["runs"], &restored["deployments"]), (&made["runs"], &made["deployments"]));
    assert_eq!((&restored["resumed"], &restored["vault_error"]), (&Value::Bool(false), &Value::Null), "{restored}");
    let again = restore(&wren, "drill.backup");
    assert_eq!((again.code, again.error()["code"].as_str()), (1, Some("CONFLICT")), "{again:?}");

    wren.start_server();
    // The key from before is known.
    let status = wren.json(["status", "drill", "--json"]);
    assert_eq!(status["deployment"]["status"], "active");
    let all: Vec<Value> = http::all_runs(&wren, &deployment(&wren));
    for (run, lines) in known.iter().zip(&known_logs) {
        let found = all.iter().find(|found| found["run_id"] == run["run_id"]);
        assert_eq!(found, Some(run));
        assert_eq!(logs(&wren, run), *lines);
    }
    assert_eq!(known.iter().filter(|run| run["logs_pruned"] == true && run["func"] == "secret").count(), 1);
    if let Some(later) = later {
        let path = format!("/v1/runs/{}", later["run_id"].as_str().unwrap());
        assert_eq!(http::request(&wren, "GET", &path, wren.key(), b"").0, 404);
    }
    // Credentials open, and schedules go on.
    assert_eq!(run(&wren, "secret")["result"], 10);
    let caught_up = eventually("ticks after the restore", || {
        let ticks = ticks(&wren);
        let last = ticks.last()?;
        (last["status"] == "success" && instant(&last["scheduled_for"]) > at + TimeDelta::seconds(3)).then_some(ticks)
    });
    // Every due time since is one run, what was due while nothing ran included.
    let due: Vec<DateTime<Utc>> = caught_up.iter().map(|run| instant(&run["scheduled_for"])).collect();
    assert_eq!(due.iter().collect::<BTreeSet<_>>().len(), due.len(), "a due time has two runs: {due:?}");
    for pair in due.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "a due time has no run: {due:?}");
    }
    // What was running then is taken up as after a crash.
    let path = format!("/v1/runs/{}", long["run_id"].as_str().unwrap());
    let again = eventually("the run that was cut off", || {
        let run = http::get(&wren, &path);
        (run["status"] == "running" && run["attempt"].as_u64() >= Some(2)).then_some(run)
    });
    assert_eq!(again["attempts"][0]["end"], "lost");
    wren.json(["cancel", long["run_id"].as_str().unwrap(), "--json"]);
}

#[test]
fn a_server_on_sqlite_is_backed_up_while_it_runs_and_goes_on_in_redb() {
    drill("sqlite", "redb");
}

#[test]
fn a_server_on_redb_is_backed_up_when_it_has_ended_and_goes_on_in_sqlite() {
    drill("redb", "sqlite");
}

#[test]
fn a_server_on_postgres_is_backed_up_while_it_runs_and_goes_on_in_sqlite() {
    if let Some(database) = postgres() {
        drill(&database, "sqlite");
    }
}

#[test]
fn a_server_on_sqlite_goes_on_in_postgres() {
    if let Some(database) = postgres() {
        drill("sqlite", &database);
    }
}

#[test]
fn a_restore_that_is_killed_goes_on_and_no_server_runs_on_half_a_store() {
    let mut wren = prepare("sqlite");
    wren.start_server();
    let file = wren.write("drill.py", SCRIPT);
    wren.json(["deploy", &file, "--json"]);
    release(&wren);
    assert_eq!(run(&wren, "many")["status"], "success");
    assert_eq!(back_up(&wren, "whole.backup").code, 0);
    wren.kill();
    let mut cut_off = 0;
    wren.move_to("redb:new.redb");
    let mut point = 0;
    loop {
        // There are hundreds of such moments in each transaction, and less and less of them are left.
        point += 41;
        let mut command = wren.command(["backup", "restore", "whole.backup", "--vault", VAULT, "--json"]);
        let ended = Ended::from(command.env("WREN_FAILPOINT", point.to_string()).output().unwrap());
        if ended.code == 0 {
            assert_eq!(ended.document()["resumed"], true);
            break;
        }
        assert!(ended.stdout.is_empty(), "only a kill ends it early: {ended:?}");
        let serving = wren.run(["keys", "list", "--owner", "ada", "--json"]);
        if serving.code != 0 && serving.error()["code"] != "NOT_FOUND" {
            let error = serving.error();
            assert_eq!(error["code"], "CONFLICT", "{error}");
            assert!(error["hint"].as_str().unwrap().contains("goes on"), "{error}");
            if cut_off == 0 {
                point = 0;
            }
            cut_off += 1;
        }
    }
    assert!(cut_off > 3, "only {cut_off} kills within");
    wren.start_server();
    assert_eq!(run(&wren, "secret")["result"], 10);
    wren.kill();

    // A backup that is killed is no file at all.
    wren.move_to("redb:new.redb");
    for point in 1.. {
        let mut command = wren.command(["backup", "create", "killed.backup", "--json"]);
        let ended = Ended::from(command.env("WREN_FAILPOINT", point.to_string()).output().unwrap());
        if ended.code == 0 {
            break;
        }
        if wren.path("killed.backup").exists() {
            let verified = wren.run(["backup", "verify", "killed.backup"]);
            assert_eq!(verified.code, 0, "what has its name is whole: {verified:?}");
            std::fs::remove_file(wren.path("killed.backup")).unwrap();
        }
    }
}

#[test]
fn what_cannot_be_backed_up_or_restored_is_refused_and_leaves_nothing() {
    let wren = prepare("sqlite");
    let refused = |args: &[&str], code: i32, what: &str| {
        let ended = wren.run(args.iter().chain(&["--json"]));
        assert_eq!(ended.code, code, "{ended:?}");
        let error = ended.error();
        assert!(error["message"].as_str().unwrap().contains(what), "{error}");
        error
    };
    assert_eq!(back_up(&wren, "whole.backup").code, 0);
    refused(&["backup", "create", "whole.backup"], 1, "there already");
    refused(&["backup", "create", "x.backup", "--store", "sqlite:nowhere.db"], 1, "nowhere.db");
    refused(&["backup", "create", "x.backup", "--store", "memory"], 1, "memory");
    refused(&["backup", "create", "no/such/folder"], 4, "cannot be written");
    refused(&["backup", "restore", "nowhere.backup", "--store", "redb:new.redb"], 1, "nowhere.backup");
    refused(&["backup", "restore", "whole.backup"], 1, "not empty");
    let whole = std::fs::read(wren.path("whole.backup")).unwrap();
    wren.write("cut.backup", &whole[..whole.len() / 2]);
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    wren.write("flipped.backup", flipped);
    wren.write("foreign.backup", std::fs::read(wren.path("data/wren.db")).unwrap());
    for (file, what) in
        [("cut.backup", "damaged"), ("flipped.backup", "damaged"), ("foreign.backup", "no backup of Wren")]
    {
        let error = refused(&["backup", "restore", file, "--store", "redb:new.redb"], 1, what);
        assert!(error["hint"].is_string(), "{error}");
        refused(&["backup", "verify", file], 1, what);
    }
    assert!(!wren.path("new.redb").exists() && !wren.path("x.backup").exists());

    // Another key opens nothing, and that is said; none is made.
    let ended = wren.run([
        "backup",
        "restore",
        "whole.backup",
        "--store",
        "redb:new.redb",
        "--vault",
        "file:other.key",
        "--json",
    ]);
    assert_eq!((ended.code, ended.document()["vault_error"]["code"].as_str()), (0, Some("VAULT_LOCKED")), "{ended:?}");
    assert!(ended.stderr.contains("cannot be opened") && !wren.path("other.key").exists(), "{ended:?}");
}

#[test]
fn logs_are_kept_no_longer_than_their_runs_and_a_run_without_them_says_so() {
    let wren = prepare("sqlite");
    for (runs, logs) in [("1h", "2h"), ("30d", "forever")] {
        let refused = wren.run(["serve", "--keep-runs", runs, "--keep-logs", logs, "--json"]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.error()["message"].as_str().unwrap().contains("--keep-logs"), "{refused:?}");
    }
    let (wren, _) = with_history("sqlite");
    let runs = http::all_runs(&wren, &deployment(&wren));
    let old = runs.iter().find(|run| run["func"] == "secret").unwrap()["run_id"].as_str().unwrap();
    let page = http::get(&wren, &format!("/v1/runs/{old}/logs"));
    assert_eq!((&page["logs_pruned"], page["logs"].as_array().unwrap().len()), (&Value::Bool(true), 0));
    assert!(wren.text(["logs", old]).contains("was deleted"));
    let new = runs.iter().find(|run| run["func"] == "broken").unwrap()["run_id"].as_str().unwrap();
    assert!(http::get(&wren, &format!("/v1/runs/{new}/logs")).get("logs_pruned").is_none());
    assert!(!wren.text(["logs", new]).contains("was deleted"));
}

/// Makes a server with a schedule and no credentials, under a key; it has ended.
fn without_credentials() -> Wren {
    let mut wren = Wren::prepare("sqlite", &["--lease", "3s", "--drain", "1s", "--vault", VAULT]);
    wren.start_server();
    let file = wren.write("job.py", "def job():\n    return 1\n");
    wren.json(["deploy", &file, "--json"]);
    wren.stop_gracefully();
    wren
}

#[test]
fn a_server_that_had_no_credentials_goes_on_without_its_key() {
    let mut wren = without_credentials();
    let made = back_up(&wren, "bare.backup");
    assert_eq!(made.code, 0, "{made:?}");
    std::fs::remove_file(wren.path("master.key")).unwrap();
    wren.move_to("redb:new.redb");
    let restored = restore(&wren, "bare.backup");
    assert_eq!((restored.code, &restored.document()["vault_error"]), (0, &Value::Null), "{restored:?}");
    assert!(!wren.path("master.key").exists(), "a restore makes no key");
    wren.start_server();
    assert_eq!(http::get(&wren, "/v1/deployments")["deployments"][0]["name"], "job");
    assert!(wren.path("master.key").exists());
}

#[test]
fn credentials_whose_key_is_lost_can_be_left_behind() {
    let mut wren = without_credentials();
    let set = |wren: &Wren| {
        let mut command = wren.command(["credentials", "set", "vendor", "--owner", "ada", "--vault", VAULT]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"0123456789").unwrap();
        child.wait().unwrap().success()
    };
    assert!(set(&wren));
    let made = back_up(&wren, "sealed.backup");
    assert!(made.stderr.contains("master key"), "{made:?}");
    std::fs::remove_file(wren.path("master.key")).unwrap();

    wren.move_to("redb:locked.redb");
    let locked = restore(&wren, "sealed.backup");
    assert_eq!(locked.document()["vault_error"]["code"], "VAULT_LOCKED", "{locked:?}");
    assert!(locked.stderr.contains("--without-credentials"), "{locked:?}");
    assert!(!set(&wren), "what is sealed there would be lost in silence");

    wren.move_to("redb:new.redb");
    let restored =
        wren.run(["backup", "restore", "sealed.backup", "--without-credentials", "--vault", VAULT, "--json"]);
    assert_eq!((restored.code, &restored.document()["vault_error"]), (0, &Value::Null), "{restored:?}");
    assert_eq!(restored.document()["runs"], made.document()["runs"]);
    assert!(set(&wren));
    wren.start_server();
    assert_eq!(http::get(&wren, "/v1/deployments")["deployments"][0]["name"], "job");
}
