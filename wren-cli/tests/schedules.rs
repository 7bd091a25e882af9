//! Schedules on the command line: what they mean, when they would have been due, and what became of them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Wren, bare, eventually};

/// Runs the command line without a server.
fn wren(folder: &tempfile::TempDir, args: &[&str]) -> (i32, String, String) {
    let output = Command::output(&mut bare(folder.path(), args)).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_expression_is_explained_in_words_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let args =
        ["explain", "0 9 * * mon-fri", "--timezone", "Europe/Dublin", "--from", "2026-03-27T12:00:00Z", "--count", "1"];
    let (code, stdout, _) = wren(&folder, &args);
    assert_eq!(code, 0);
    assert_eq!(
        stdout,
        "0 9 * * mon-fri (Europe/Dublin): at 09:00 on Monday to Friday\n\n\
         LOCAL                      UTC                   NOTE\n\
         2026-03-30T09:00:00+01:00  2026-03-30T08:00:00Z\n"
    );
    let (code, stdout, _) = wren(&folder, &[&args[..], &["--json"]].concat());
    let explained: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(
        explained["fires"],
        json!([{"utc": "2026-03-30T08:00:00Z", "local": "2026-03-30T09:00:00+01:00", "note": null}])
    );
}

/// Every kind of fault, with the place that the caret shows and a word of the hint.
#[test]
fn every_bad_expression_is_shown_with_its_place_and_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    let many = vec!["*"; 500].join(" ");
    for (expression, code, place, hint) in [
        ("0 9 * *", "INVALID_CRON", 1..8, "did you mean `0 9 * * *`?"),
        ("0 0 9 * * *", "INVALID_CRON", 1..12, "no seconds field"),
        (many.as_str(), "INVALID_CRON", 1..1000, "without a command"),
        ("", "INVALID_CRON", 1..1, "five fields"),
        ("50-10 * * * *", "INVALID_CRON", 1..6, "did you mean `10-50`"),
        ("0 22-6 * * *", "INVALID_CRON", 3..7, "`22-23,0-6`"),
        ("*/0 * * * *", "INVALID_CRON", 3..4, "`/1`"),
        ("*/90 * * * *", "INVALID_CRON", 3..5, "`every`"),
        ("0 0 * janury *", "INVALID_CRON", 7..13, "did you mean `jan`?"),
        ("0 0 * * mno", "INVALID_CRON", 9..12, "did you mean `mon`?"),
        ("0 0 30 2 *", "CRON_NEVER_FIRES", 5..9, "choose a day that the month has"),
        ("60 * * * *", "INVALID_CRON", 1..3, "did you mean `0`?"),
        ("@dialy", "INVALID_CRON", 1..7, "did you mean `@daily`?"),
    ] {
        let (exit, stdout, _) = wren(&folder, &["explain", expression, "--json"]);
        let error = serde_json::from_str::<Value>(&stdout).unwrap()["error"].take();
        assert_eq!((exit, error["code"].as_str()), (1, Some(code)), "{expression}: {error}");
        let location = &error["location"];
        assert_eq!(
            (&location["column"], &location["end_column"]),
            (&json!(place.start), &json!(place.end)),
            "{expression}"
        );
        assert!(error["hint"].as_str().unwrap().contains(hint), "{expression}: {error}");
    }
    let (exit, _, stderr) = wren(&folder, &["explain", "0 25 * * *", "--timezone", "Europe/Dubln"]);
    assert_eq!(exit, 1);
    assert!(stderr.contains(" --> expression:1:3\n  |\n1 | 0 25 * * *\n  |   ^^\n"), "{stderr}");
    assert!(stderr.contains("did you mean `Europe/Dublin`?") && stderr.contains("2 errors found"), "{stderr}");
    // A period is told at the script that has it.
    let script = folder.path().join("script.py");
    std::fs::write(&script, "import wren\n\n@wren.on_schedule(every=\"0s\")\ndef job(): ...\n").unwrap();
    let (exit, stdout, _) = wren(&folder, &["test", "script.py", "--json"]);
    let error = serde_json::from_str::<Value>(&stdout).unwrap()["error"].take();
    assert_eq!((exit, &error["location"]["line"], &error["location"]["column"]), (1, &json!(3), &json!(26)), "{error}");
    assert_eq!(error["hint"], "did you mean `1s` or `1m`?");
}

#[test]
fn a_scripts_schedules_are_replayed_between_two_times() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import wren\n\n\
        @wren.on_schedule(\"30 1 * * *\", timezone=\"Europe/Dublin\")\ndef nightly(): ...\n\n\
        @wren.on_schedule(every=\"12h\")\ndef twice(): ...\n";
    std::fs::write(folder.path().join("script.py"), script).unwrap();
    let args = ["test", "script.py", "--from", "2026-03-29T00:00:00Z", "--to", "2026-03-29T12:00:00Z"];
    let (code, stdout, stderr) = wren(&folder, &[&args[..], &["--json"]].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    let replay = serde_json::from_str::<Value>(&stdout).unwrap()["replay"].take();
    let fires: Vec<_> = replay["fires"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fire| (fire["utc"].as_str().unwrap(), fire["func"].as_str().unwrap(), fire["note"].is_null()))
        .collect();
    assert_eq!(
        fires,
        [
            ("2026-03-29T00:00:00Z", "twice", true),
            ("2026-03-29T01:00:00Z", "nightly", false),
            ("2026-03-29T12:00:00Z", "twice", true),
        ]
    );
    assert_eq!(replay["truncated"], false);
    let (code, stdout, _) = wren(&folder, &args);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("2026-03-29T02:00:00+01:00  2026-03-29T01:00:00Z  nightly   the clocks go forward"),
        "{stdout}"
    );
    let (code, ..) = wren(&folder, &["test", "script.py", "--from", "2026-03-29T00:00:00Z"]);
    assert_eq!(code, 2);
    let (code, ..) =
        wren(&folder, &["test", "script.py", "--from", "2027-03-29T00:00:00Z", "--to", "2026-03-29T12:00:00Z"]);
    assert_eq!(code, 2);
}

#[test]
fn status_says_how_late_how_often_and_why_not() {
    let wren = Wren::start(&[]);
    let file = wren.write("tick.py", "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef tick():\n    return 1\n");
    let id = wren.json(["deploy", &file, "--json"])["deployment_id"].as_str().unwrap().to_owned();
    let trigger = eventually("two runs", || {
        let trigger = wren.json(["status", &id, "--json"])["deployment"]["trigger_details"][0].take();
        trigger["interval_ms"].is_u64().then_some(trigger)
    });
    assert!(trigger["lateness_ms"].is_u64() && trigger["last_started_at"].is_string(), "{trigger}");
    assert_eq!(trigger["last_due"]["skip_reason"], Value::Null);
    let text = wren.text(["status", &id]);
    assert!(text.contains("FUNCTION") && text.contains("every 1s"), "{text}");

    wren.text(["pause", &id, "--until", "2999-01-01T00:00:00Z", "--reason", "a holiday"]);
    let text = eventually("a due time that is skipped", || {
        let text = wren.text(["status", &id]);
        text.contains("the deployment was paused").then_some(text)
    });
    assert!(text.contains("Paused until: ") && text.contains("2999-01-01T00:00:00Z"), "{text}");
    assert!(text.contains("tick did not run when it was due at "), "{text}");
}

#[test]
fn a_pause_ends_by_itself() {
    let wren = Wren::start(&[]);
    let file = wren.write("tick.py", "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef tick():\n    return 1\n");
    let id = wren.json(["deploy", &file, "--json"])["deployment_id"].as_str().unwrap().to_owned();
    let until = (chrono::Utc::now() + chrono::TimeDelta::seconds(3)).to_rfc3339();
    let paused = wren.json(["pause", &id, "--until", &until, "--json"]);
    assert_eq!(paused["status"], "paused");
    eventually("the end of the pause", || {
        let deployment = wren.json(["status", &id, "--json"])["deployment"].take();
        (deployment["status"] == "active" && deployment["paused_until"].is_null()).then_some(())
    });
    eventually("a run after it", || {
        let runs = wren.json(["status", &id, "--json"])["runs"].take();
        (runs[0]["status"] == "success" && runs[0]["scheduled_for"].as_str() > Some(&until)).then_some(())
    });
}
