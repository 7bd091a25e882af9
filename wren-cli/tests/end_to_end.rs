//! The agent's workflow, with the real server and the real command line.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use serde_json::Value;
use support::{Wren, eventually};

const SCRIPT: &str = r#"import wren


@wren.on_schedule(every="1s")
def tick():
    print("tick of attempt", wren.context().attempt)
    return {"ticked": True}


@wren.on_schedule("0 9 * * *")
def daily():
    print("daily")


def greet(event=None):
    print("hello", event["name"] if event else "nobody", "\x1b[2J")
    return event
"#;

#[test]
fn an_agent_writes_tests_validates_deploys_watches_and_removes_a_script() {
    let mut wren = Wren::start(&[]);
    let file = wren.write("script.py", SCRIPT);

    let tested = wren.text(["test", &file]);
    for line in ["✓ Syntax valid", "✓ Cron expression valid", "✓ Functions defined"] {
        assert!(tested.contains(line), "{tested}");
    }
    let validated = wren.text(["validate", &file]);
    assert!(validated.contains("schedule daily") && validated.contains("T09:00:00Z"), "{validated}");
    let remote = wren.text(["validate", &file, "--remote"]);
    assert!(remote.contains("✓ No integrations needed"), "{remote}");

    let deployed = wren.text(["deploy", &file, "--name", "ticker"]);
    assert!(deployed.contains("✓ Deployed: dep_"), "{deployed}");
    assert!(deployed.contains("✓ Next run: "), "{deployed}");
    let again = wren.text(["deploy", &file, "--name", "ticker"]);
    assert!(again.contains("unchanged, revision 1"), "{again}");

    let scheduled = eventually("a scheduled execution", || {
        let status = wren.json(["status", "ticker", "--json"]);
        let runs = status["runs"].as_array().unwrap().clone();
        runs.into_iter().find(|run| run["trigger"] == "schedule" && run["status"] == "success")
    });
    let table = wren.text(["status"]);
    assert!(table.contains("ticker") && table.contains("active"), "{table}");
    let table = wren.text(["status", "ticker"]);
    assert!(table.contains("Status: active, revision 1") && table.contains("success"), "{table}");

    let logs = wren.text(["logs", "ticker", "--run", scheduled["run_id"].as_str().unwrap()]);
    assert!(logs.contains("out tick of attempt 1"), "{logs}");
    let correlation = scheduled["correlation_id"].as_str().unwrap();
    assert!(correlation.starts_with("corr_") && logs.contains(correlation), "{logs}");
    assert!(wren.server_log().contains(correlation), "the server's log knows the run's correlation id");
    let document = wren.json(["logs", "ticker", "--tail", "1", "--json"]);
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| run["logs"].as_array().unwrap().len()).sum::<usize>(), 1, "{document}");

    let undeployed = wren.text(["undeploy", "ticker"]);
    assert!(undeployed.contains("✓ Undeployed: dep_"), "{undeployed}");
    assert!(wren.text(["status"]).contains("No deployments"));
    assert!(wren.stop_gracefully().success(), "{}", wren.server_log());
}

#[test]
fn a_deployment_has_its_files_name_unless_it_is_given_another() {
    let wren = Wren::start(&[]);
    let file = wren.write("script.py", SCRIPT);
    let deployed = wren.json(["deploy", &file, "--json"]);
    assert_eq!(deployed["name"], "script");
    wren.text(["run", "script", "--func", "daily", "--wait"]);
    assert!(wren.text(["logs", "script"]).contains("daily"));
    let odd = wren.write("-mein täglicher bericht.py", SCRIPT);
    assert_eq!(wren.json(["deploy", "--json", "--", &odd])["name"], "mein-t-glicher-bericht");
    wren.text(["undeploy", "script"]);
    let left = wren.json(["status", "--json"]);
    assert_eq!(left["deployments"].as_array().unwrap().len(), 1, "{left}");
}

#[test]
fn a_run_that_is_asked_for_is_waited_for_and_exits_by_how_it_ended() {
    let wren = Wren::start(&[]);
    let file = wren.write("script.py", format!("{SCRIPT}\n\ndef broken():\n    raise ValueError('nope')\n"));
    wren.text(["deploy", &file, "--name", "asked"]);

    let ran = wren.text(["run", "asked", "--func", "greet", "--event", r#"{"name": "Ada"}"#, "--wait"]);
    assert!(ran.contains("hello Ada \\u{1b}[2J"), "control characters are shown, not obeyed: {ran}");
    assert!(ran.contains(r#"Result: {"name":"Ada"}"#), "{ran}");
    let document = wren.json(["run", "asked", "--func", "greet", "--wait", "--json"]);
    assert_eq!(document["status"], "success");

    let failed = wren.run(["run", "asked", "--func", "broken", "--wait"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("error[SCRIPT_EXCEPTION]") && failed.stderr.contains("nope"), "{failed:?}");
    let failed = wren.run(["run", "asked", "--func", "broken", "--wait", "--json"]);
    assert_eq!((failed.code, &failed.error()["code"]), (1, &Value::from("SCRIPT_EXCEPTION")));
    let unknown = wren.run(["run", "asked", "--func", "gret", "--json"]);
    assert_eq!((unknown.code, &unknown.error()["code"]), (1, &Value::from("FUNCTION_NOT_FOUND")));
}

#[test]
fn an_integration_that_nobody_configured_is_the_users_to_act_on() {
    let wren = Wren::start(&["--public-url", "https://wrens.ie/"]);
    let file = wren.write(
        "mail.py",
        "import wren\nfrom wren import gmail\n\n\n@wren.on_schedule(\"@daily\")\ndef daily():\n    gmail.inbox()\n",
    );
    let refused = wren.run(["validate", &file, "--remote"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stdout.contains("✗ Gmail not ready"), "{refused:?}");
    assert!(refused.stderr.contains("https://wrens.ie/integrations/gmail/setup"), "{refused:?}");
    let refused = wren.run(["deploy", &file, "--json"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(refused.error()["code"], "INTEGRATION_NOT_CONFIGURED");
    assert!(refused.error()["correlation_id"].as_str().unwrap().starts_with("corr_"));
}

#[test]
fn keys_are_listed_without_their_secret_and_end_when_they_are_revoked() {
    let wren = Wren::start(&[]);
    let listed = wren.json(["keys", "list", "--owner", "ada", "--json"]);
    assert!(!listed.to_string().contains(wren.key()));
    let id = listed["keys"][0]["id"].as_str().unwrap();
    assert_eq!(wren.run(["status"]).code, 0);
    wren.text(["keys", "revoke", id, "--owner", "ada"]);
    // A server that runs hears of it within a second.
    let refused = eventually("the end of the key", || {
        let ended = wren.run(["status", "--json"]);
        (ended.code != 0).then_some(ended)
    });
    assert_eq!((refused.code, &refused.error()["code"]), (3, &Value::from("INVALID_API_KEY")));
}

#[test]
fn a_server_that_is_away_is_said_to_be_and_what_starts_one() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wren"));
    let output = command.args(["status", "--url", &format!("http://{nobody}")]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error[SERVER_UNREACHABLE]") && text.contains("wren serve"), "{text}");
}
