//! The scripts that Wren is for, from end to end: `gmail.inbox()`, `wren.ai(…)`, `gmail.send(…)`, through the real server on both
//! executors, in front of services that speak as they document it, refusals included.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Wren, can_run_processes, eventually, http};
use wren_conformance::services::{Ai, Gmail, Reply, Slack};

const GMAIL: &str = "ya29.canary-gmail";
const SLACK: &str = "xoxb-canary-slack";
const KEY: &str = "sk-canary-openai";

/// The spec's script, for an executor: a summary of the inbox by mail, and word of it in Slack.
fn script(executor: &str) -> String {
    format!(
        r##"# /// script
# [tool.wren]
# executor = "{executor}"
# ///
import wren
from wren import gmail, slack


@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin")
def daily_summary():
    mails = gmail.inbox(unread=True, limit=10)
    summary = wren.ai("Summarise these mails.", mails)
    sent = gmail.send(to="me@example.com", subject="Your mails today – résumé", body=summary)
    for mail in mails:
        gmail.label(mail.id, add=["Summarised"], remove=["UNREAD"])
    slack.post("#general", f"{{len(mails)}} mails summarised")
    return {{"mails": [mail.subject for mail in mails], "sent": sent}}
"##
    )
}

struct World {
    gmail: Gmail,
    slack: Slack,
    ai: Ai,
    wren: Wren,
}

impl World {
    fn start() -> Self {
        let gmail = Gmail::start(GMAIL);
        let slack = Slack::start(SLACK);
        let ai = Ai::start(KEY, |question| {
            assert!(question.prompt.contains("Summarise these mails."), "{question:?}");
            format!("SUMMARY: about {} letters", question.prompt.len())
        });
        let urls = [("gmail", gmail.url()), ("slack", slack.url()), ("openai", ai.url())];
        let mut options = Vec::new();
        for (name, url) in &urls {
            options.extend(["--integration-url".to_owned(), format!("{name}={url}")]);
            options.extend(["--allow-private".to_owned(), url.clone()]);
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Self { gmail, slack, ai, wren: Wren::start(&options) }
    }

    fn set(&self, name: &str, secret: &str) {
        let mut command = self.wren.command(["credentials", "set", name, "--owner", "ada"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn connect_all(&self) {
        for (name, secret) in [("gmail", GMAIL), ("slack", SLACK), ("openai", KEY)] {
            self.set(name, secret);
        }
    }

    fn deploy(&self, executor: &str) -> String {
        let file = self.wren.write(&format!("{executor}.py"), script(executor));
        self.wren.json(["deploy", &file, "--json"])["deployment_id"].as_str().unwrap().to_owned()
    }

    /// Runs a deployment to its end and returns the run.
    fn run(&self, deployment: &str) -> Value {
        let path = format!("/v1/deployments/{deployment}/runs");
        let (status, run) = http::request(&self.wren, "POST", &path, self.wren.key(), b"");
        assert!((200..300).contains(&status), "{run}");
        let path = format!("/v1/runs/{}", run["run_id"].as_str().unwrap());
        eventually("the run's end", || {
            let run = http::get(&self.wren, &path);
            (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
        })
    }
}

fn executors() -> Vec<&'static str> {
    if can_run_processes() { vec!["wasm", "process"] } else { vec!["wasm"] }
}

fn mail(number: usize) -> String {
    format!(
        "From: Bob <bob@example.com>\r\nTo: ada@example.com\r\nSubject: =?utf-8?q?caf=C3=A9?= {number}\r\n\
         Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <{number}@example.com>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nHello {number}\r\n"
    )
}

#[test]
fn the_inbox_is_summarised_sent_labelled_and_announced_on_both_executors() {
    for executor in executors() {
        let world = World::start();
        world.connect_all();
        let ids: Vec<String> = (0..3).map(|number| world.gmail.deliver(&mail(number))).collect();
        let deployment = world.deploy(executor);
        let run = world.run(&deployment);
        assert_eq!(run["status"], "success", "{executor}: {run}");
        assert_eq!(run["result"]["mails"], json!(["café 2", "café 1", "café 0"]), "{executor}: {run}");

        let sent = world.gmail.sent();
        assert_eq!((sent.len(), &run["result"]["sent"]), (1, &json!(sent[0].id)));
        let raw = String::from_utf8(sent[0].raw.clone()).unwrap();
        assert!(raw.contains("me@example.com") && raw.contains("SUMMARY: about"), "{raw}");
        for id in &ids {
            let labels = world.gmail.labels_of(id);
            assert!(!labels.contains(&"UNREAD".to_owned()), "{labels:?}");
        }
        assert!(world.gmail.labels().contains(&"Summarised".to_owned()));
        let messages = world.slack.messages("C1");
        assert_eq!((messages.len(), &messages[0]["text"]), (1, &json!("3 mails summarised")), "{messages:?}");
        assert!(!run.to_string().contains("canary"), "{run}");

        // Every service saw its own credential and no other.
        let of_all = [(world.gmail.requests(), GMAIL), (world.slack.requests(), SLACK), (world.ai.requests(), KEY)];
        for (requests, own) in of_all {
            assert!(!requests.is_empty() && requests.iter().all(|request| request.bears(own)), "{requests:?}");
        }
    }
}

#[test]
fn what_a_service_refuses_ends_the_run_with_a_code_to_act_on() {
    let world = World::start();
    world.connect_all();
    world.gmail.deliver(&mail(1));
    for executor in executors() {
        let deployment = world.deploy(executor);
        let limited = json!({"error": {"code": 429, "errors": [{"reason": "rateLimitExceeded"}]}}).to_string();
        world.gmail.fail_next(429, &limited);
        let run = world.run(&deployment);
        assert_eq!(run["error"]["code"], "RATE_LIMITED", "{executor}: {run}");
        world.ai.answer_next(Reply::new(500, "overloaded"));
        let run = world.run(&deployment);
        assert_eq!((&run["status"], &run["error"]["retryable"]), (&"failed".into(), &true.into()), "{executor}: {run}");
        world.slack.answer_next(Reply::json(&json!({"ok": false, "error": "channel_not_found"})));
        let run = world.run(&deployment);
        assert_eq!(run["error"]["code"], "INVALID_REQUEST", "{executor}: {run}");
        assert!(run["error"]["message"].as_str().unwrap().contains("channel_not_found"), "{run}");
        let detail = http::get(&world.wren, &format!("/v1/deployments/{deployment}"));
        assert_eq!(detail["status"], "active", "nothing of it is the user's to mend: {detail}");
    }
}

#[test]
fn a_deploy_says_what_the_user_has_to_connect_and_a_revoked_token_parks_what_runs() {
    let world = World::start();
    let file = world.wren.write("wasm.py", script("wasm"));
    let refused = world.wren.run(["deploy", &file, "--json"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let told = refused.document().to_string();
    assert!(told.contains("/integrations/gmail/setup") && told.contains("/integrations/slack/setup"), "{told}");

    // A credential that the service does not take is found out at the deploy, not in the night.
    world.connect_all();
    world.set("gmail", "ya29.another");
    let refused = world.wren.run(["deploy", &file, "--json"]);
    assert_eq!((refused.code, &refused.error()["code"]), (3, &"OAUTH_TOKEN_EXPIRED".into()), "{refused:?}");
    let asked = json!({"integrations": ["gmail", "slack"]}).to_string();
    let (_, answer) =
        http::request(&world.wren, "POST", "/v1/integrations/validate", world.wren.key(), asked.as_bytes());
    let url = format!("{}/integrations/gmail/reauthorize", world.wren.url());
    let expected = json!({
        "valid": false,
        "errors": [{
            "type": "UserFacingConfigError",
            "code": "OAUTH_TOKEN_EXPIRED",
            "integration": "gmail",
            "message": "Gmail OAuth token has expired",
            "action_url": url,
            "docs_url": "https://docs.wrens.ie/integrations/gmail"
        }]
    });
    assert_eq!(answer, expected);

    world.set("gmail", GMAIL);
    let deployment = world.deploy("wasm");
    world.gmail.deliver(&mail(1));
    assert_eq!(world.run(&deployment)["status"], "success");
    // The user takes the leave back at the provider.
    world.set("gmail", "ya29.revoked");
    let run = world.run(&deployment);
    assert_eq!(run["error"]["code"], "OAUTH_TOKEN_EXPIRED", "{run}");
    let parked = eventually("the parked deployment", || {
        let detail = http::get(&world.wren, &format!("/v1/deployments/{deployment}"));
        (detail["status"] == "needs_attention").then_some(detail)
    });
    assert_eq!(parked["action_url"], url);
    world.set("gmail", GMAIL);
    eventually("the deployment going on", || {
        let detail = http::get(&world.wren, &format!("/v1/deployments/{deployment}"));
        (detail["status"] == "active").then_some(())
    });
}
