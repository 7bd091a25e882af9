//! Bad input: each with its code, its line and what to do, all at once where there are several, and the revision before
//! goes on.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Wren, eventually, http};

const STEADY: &str = "import wren\n\n\n@wren.on_schedule(every=\"1s\")\ndef steady():\n    print(\"steady\")\n";

/// A script, and what must be said about it: code, line, and a part of the message or hint.
type Case = (&'static str, &'static str, &'static [(&'static str, u64, &'static str)]);

const CASES: &[Case] = &[
    ("a syntax error", "import wren\n\ndef f(:\n    pass\n", &[("SYNTAX_ERROR", 3, "")]),
    (
        "two syntax errors",
        "import wren\nx = = 1\n\n\ndef f():\n    return )\n",
        &[("SYNTAX_ERROR", 2, ""), ("SYNTAX_ERROR", 6, "")],
    ),
    (
        "an exception at import",
        "import wren\n\n\ndef f(): ...\n\n\nCONFIG = {}[\"missing\"]\n",
        &[("IMPORT_ERROR", 7, "KeyError")],
    ),
    (
        "four fields of cron",
        "import wren\n\n\n@wren.on_schedule(\"0 9 * *\")\ndef f(): ...\n",
        &[("INVALID_CRON", 4, "`0 9 * * *`")],
    ),
    (
        "a minute that no clock has",
        "import wren\n\n\n@wren.on_schedule(\"61 * * * *\")\ndef f(): ...\n",
        &[("INVALID_CRON", 4, "61")],
    ),
    (
        "an unknown argument of a decorator",
        "import wren\n\n\n@wren.on_schedule(\"0 9 * * *\", timezon=\"UTC\")\ndef f(): ...\n",
        &[("INVALID_METADATA", 4, "timezone")],
    ),
    (
        "a handler that takes what nobody passes",
        "import wren\n\n\n@wren.on_schedule(\"0 9 * * *\")\ndef f(a, b, c): ...\n",
        &[("FUNCTION_SIGNATURE", 5, "")],
    ),
    (
        "an unknown integration",
        "import wren\nfrom wren import gmial\n\n\n@wren.on_schedule(\"0 9 * * *\")\ndef f(): ...\n",
        &[("UNKNOWN_INTEGRATION", 2, "gmail")],
    ),
    (
        "several faults of several kinds",
        "import wren\nfrom wren import gmial\n\n\n@wren.on_schedule(\"61 * * * *\")\ndef f(): ...\n\n\n\
         @wren.on_schedule(\"0 9 * *\")\ndef g(): ...\n",
        &[("UNKNOWN_INTEGRATION", 2, "gmail"), ("INVALID_CRON", 5, "61"), ("INVALID_CRON", 9, "`0 9 * * *`")],
    ),
];

fn steady() -> Wren {
    let wren = Wren::start(&[]);
    let file = wren.write("steady.py", STEADY);
    wren.text(["deploy", &file, "--name", "steady"]);
    wren
}

/// The revision before must be the current one, and must go on running.
#[track_caller]
fn assert_goes_on(wren: &Wren) {
    let count = || {
        let status = wren.json(["status", "steady", "--json"]);
        assert_eq!(status["deployment"]["revision"], 1, "{status}");
        assert_eq!(status["deployment"]["status"], "active", "{status}");
        let succeeded = |run: &&Value| run["status"] == "success";
        status["runs"].as_array().unwrap().iter().filter(succeeded).map(|run| run["run_id"].to_string()).max()
    };
    let before = count();
    eventually("a further run of the revision before", || count().filter(|latest| Some(latest) != before.as_ref()));
}

/// Every finding must say what to do.
#[track_caller]
fn assert_hints(what: &str, error: &Value) {
    let list = error["details"]["diagnostics"].as_array().cloned().unwrap_or_else(|| vec![error.clone()]);
    for finding in &list {
        assert!(finding["hint"].is_string(), "{what}: no hint in {finding}");
    }
}

/// Returns the findings of an error as (code, line, all that is said).
fn findings(error: &Value) -> Vec<(String, u64, String)> {
    let list = error["details"]["diagnostics"].as_array().cloned().unwrap_or_else(|| vec![error.clone()]);
    let found = |finding: &Value| {
        let line = finding["location"]["line"].as_u64().unwrap_or_default();
        (finding["code"].as_str().unwrap_or_default().to_owned(), line, finding.to_string())
    };
    list.iter().map(found).collect()
}

#[test]
fn every_fault_of_a_script_is_reported_at_once_and_the_revision_before_goes_on() {
    let wren = steady();
    for (what, script, expected) in CASES {
        let file = wren.write("bad.py", script);
        let refused = wren.run(["deploy", &file, "--name", "steady", "--json"]);
        assert_eq!(refused.code, 1, "{what}: {refused:?}");
        let found = findings(&refused.error());
        assert_eq!(found.len(), expected.len(), "{what}: {found:#?}");
        assert_hints(what, &refused.error());
        for ((code, line, said), (wanted_code, wanted_line, part)) in found.iter().zip(*expected) {
            assert_eq!((code.as_str(), *line), (*wanted_code, *wanted_line), "{what}: {said}");
            assert!(said.contains(part), "{what}: {said}");
        }
        // The same without a server, as a person sees it.
        let tested = wren.run(["test", &file]);
        assert_eq!(tested.code, 1, "{what}: {tested:?}");
        for (code, line, _) in *expected {
            assert!(tested.stderr.contains(&format!("error[{code}]")), "{what}: {}", tested.stderr);
            assert!(tested.stderr.contains(&format!("--> bad.py:{line}")), "{what}: {}", tested.stderr);
        }
        if expected.len() > 1 {
            assert!(tested.stderr.contains(&format!("{} errors found", expected.len())), "{}", tested.stderr);
        }
    }
    assert_goes_on(&wren);
}

#[test]
fn an_import_that_never_ends_is_ended() {
    let wren = steady();
    let file = wren.write("endless.py", "import wren\n\n\ndef f(): ...\n\n\nwhile True:\n    pass\n");
    let refused = wren.run(["deploy", &file, "--name", "steady", "--json"]);
    assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("IMPORT_TIMEOUT")), "{refused:?}");
    assert!(refused.error()["hint"].is_string(), "{refused:?}");
    // The loop's head or its body: which of them is running when the time is up is the interpreter's to choose.
    let line = refused.error()["location"]["line"].as_u64();
    assert!(matches!(line, Some(7 | 8)), "{refused:?}");
    assert_goes_on(&wren);
}

#[test]
fn a_script_over_the_cap_is_refused_by_both_sides() {
    let wren = steady();
    let file = wren.write("large.py", format!("{STEADY}DATA = \"{}\"\n", "x".repeat(1024 * 1024)));
    for command in [vec!["test", &file, "--json"], vec!["deploy", &file, "--name", "steady", "--json"]] {
        let refused = wren.run(&command);
        assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("SCRIPT_TOO_LARGE")), "{command:?}");
        assert!(refused.error()["hint"].is_string(), "{refused:?}");
    }
    assert_goes_on(&wren);
}

#[test]
fn a_script_that_is_not_utf8_is_refused_with_the_line() {
    let wren = steady();
    let file = wren.write("latin.py", b"import wren\nNAME = \"caf\xe9\"\n");
    for command in ["test", "deploy"] {
        let refused = wren.run([command, &file, "--json"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let found = findings(&refused.error());
        assert_eq!((found[0].0.as_str(), found[0].1), ("SYNTAX_ERROR", 2), "{refused:?}");
        assert_hints(command, &refused.error());
    }
}

#[test]
fn a_function_that_metadata_invents_is_named() {
    let wren = steady();
    let trigger = json!({"type": "schedule", "func": "stedy", "config": {"every": "1s"}});
    let body = json!({"script": STEADY, "name": "steady", "metadata": {"triggers": [trigger]}});
    let (status, answer) = http::request(&wren, "POST", "/v1/scripts/deploy", wren.key(), body.to_string().as_bytes());
    assert_eq!(status, 422, "{answer}");
    assert_hints("metadata", &answer["error"]);
    let found = findings(&answer["error"]);
    let finding = found.iter().find(|(code, ..)| code == "FUNCTION_NOT_FOUND");
    assert!(finding.unwrap_or_else(|| panic!("{found:#?}")).2.contains("did you mean `steady`?"), "{found:#?}");
    assert_goes_on(&wren);
}

#[test]
fn a_body_that_cannot_be_read_is_refused_with_what_is_wrong_with_it() {
    let wren = steady();
    let large = json!({"script": "x".repeat(5 * 1024 * 1024)}).to_string();
    let cases: [(&str, &[u8], u16, &str); 4] = [
        ("not JSON", b"{\"script\": ", 400, "INVALID_REQUEST"),
        ("not UTF-8", b"{\"script\": \"\xff\xfe\"}", 400, "INVALID_REQUEST"),
        ("not what is asked for", b"{\"skript\": \"x\"}", 400, "INVALID_REQUEST"),
        ("too large", large.as_bytes(), 413, "SCRIPT_TOO_LARGE"),
    ];
    for (what, body, status, code) in cases {
        let (got, answer) = http::request(&wren, "POST", "/v1/scripts/deploy", wren.key(), body);
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{what}: {answer}");
        assert!(answer["error"]["hint"].is_string(), "{what}: {answer}");
        assert!(answer["error"]["correlation_id"].is_string(), "{what}: {answer}");
    }
    assert_goes_on(&wren);
}

#[test]
fn a_wrong_key_is_refused_and_another_owners_id_does_not_exist() {
    let wren = steady();
    let id = wren.json(["status", "steady", "--json"])["deployment"]["id"].as_str().unwrap().to_owned();
    let run = eventually("a run", || {
        wren.json(["status", "steady", "--json"])["runs"][0]["run_id"].as_str().map(str::to_owned)
    });

    let wrong = wren.run(["status", "--api-key", "wren_wrong", "--json"]);
    assert_eq!((wrong.code, &wrong.error()["code"]), (3, &json!("INVALID_API_KEY")), "{wrong:?}");
    assert_hints("a wrong key", &wrong.error());
    let none = wren.run(["status", "--api-key", "", "--json"]);
    assert_eq!((none.code, &none.error()["code"]), (3, &json!("INVALID_API_KEY")), "{none:?}");
    assert_hints("no key", &none.error());

    let other = wren.make_key("bob");
    for (method, path) in [
        ("GET", format!("/v1/deployments/{id}")),
        ("DELETE", format!("/v1/deployments/{id}")),
        ("POST", format!("/v1/deployments/{id}/pause")),
        ("POST", format!("/v1/deployments/{id}/runs")),
        ("GET", format!("/v1/deployments/{id}/runs")),
        ("GET", format!("/v1/runs/{run}")),
        ("GET", format!("/v1/runs/{run}/logs")),
        ("POST", format!("/v1/runs/{run}/cancel")),
    ] {
        let (status, answer) = http::request(&wren, method, &path, &other, b"{}");
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("NOT_FOUND")), "{method} {path}: {answer}");
    }
    assert_goes_on(&wren);
}

#[test]
fn deploying_while_paused_is_a_conflict_and_undeploying_twice_is_told_apart_from_a_wrong_id() {
    let wren = steady();
    let id = wren.json(["status", "steady", "--json"])["deployment"]["id"].as_str().unwrap().to_owned();
    wren.text(["pause", "steady", "--reason", "holidays"]);
    let file = wren.write("new.py", STEADY.replace("print(\"steady\")", "print(\"newer\")"));
    let refused = wren.run(["deploy", &file, "--name", "steady", "--json"]);
    assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("CONFLICT")), "{refused:?}");
    assert_hints("deploying while paused", &refused.error());
    assert!(wren.text(["status", "steady"]).contains("Reason: holidays"));
    wren.text(["resume", "steady"]);
    assert_goes_on(&wren);

    wren.text(["undeploy", "steady"]);
    let again = wren.run(["undeploy", &id, "--json"]);
    let by_name = wren.run(["undeploy", "steady", "--json"]);
    assert_eq!((by_name.code, &by_name.error()["code"]), (1, &json!("NOT_FOUND")), "{by_name:?}");
    assert_hints("undeploying by a name that is free again", &by_name.error());
    let history = wren.json(["status", &id, "--json"]);
    assert_eq!(history["deployment"]["status"], "undeployed");
    assert!(!history["runs"].as_array().unwrap().is_empty(), "the history stays");
    assert_eq!((again.code, &again.error()["code"]), (1, &json!("CONFLICT")), "{again:?}");
    let resumed = wren.run(["resume", &id, "--json"]);
    assert_eq!((resumed.code, &resumed.error()["code"]), (1, &json!("CONFLICT")), "{resumed:?}");
}

#[test]
fn what_is_not_there_or_not_in_the_state_for_it_comes_with_what_to_do_instead() {
    let wren = steady();
    let id = wren.json(["status", "steady", "--json"])["deployment"]["id"].as_str().unwrap().to_owned();
    let run = wren.json(["run", "steady", "--wait", "--json"])["run_id"].as_str().unwrap().to_owned();
    let other = wren.make_key("bob");
    let mut refused: Vec<(String, Value)> = Vec::new();
    for path in [format!("/v1/deployments/{id}"), format!("/v1/runs/{run}"), format!("/v1/runs/{run}/logs")] {
        refused.push((format!("another owner's {path}"), http::request(&wren, "GET", &path, &other, b"").1));
    }
    refused.push(("cancelling twice".to_owned(), wren.run(["cancel", &run, "--json"]).document()));
    wren.text(["undeploy", "steady"]);
    for command in ["undeploy", "pause", "resume", "run"] {
        refused.push((format!("{command} after undeploy"), wren.run([command, &id, "--json"]).document()));
    }
    let lacks = |answer: &Value| answer["error"].is_object() && !answer["error"]["hint"].is_string();
    let lacking: Vec<String> =
        refused.iter().filter(|(_, answer)| lacks(answer)).map(|(what, answer)| format!("{what}: {answer}")).collect();
    assert!(lacking.is_empty(), "no hint:\n{}", lacking.join("\n"));
}
