//! Mails in a real mailbox become runs of the real server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "how long a mail takes is a figure")]
#![cfg(unix)]

#[path = "email/post.rs"]
mod post;
mod support;

use std::time::Duration;

use chrono::{DateTime, Utc};
use post::Post;
use serde_json::{Value, json};
use support::{can_run_processes, eventually, eventually_within, http};

/// How many mails come while both sides die.
const MAILS: usize = 1_000;

const EACH: &str = "import wren\n\n@wren.on_email(subject=\"order\")\ndef each(email):\n    return email.subject\n";
const SOME: &str = "import wren\n\n@wren.on_email(subject=\"re:order \\\\d*0$\", retries=1)\ndef some(email):\n    return email.subject\n";

#[test]
fn a_thousand_mails_are_one_run_each_while_the_servers_die_and_a_mail_starts_its_handler_in_a_moment() {
    let Some(mut post) = Post::start(&["--lease", "1s"]) else { return };
    let (each, some) = (post.deploy("each", EACH), post.deploy("some", SOME));
    let rounds = 10;
    let half = MAILS / rounds / 2;
    let mut delivered = 0;
    for round in 0..rounds {
        let before = http::all_runs(&post.wren, &each).len();
        let mut deliver = |post: &Post| {
            for number in delivered..delivered + half {
                post.deliver_numbered(number);
            }
            delivered += half;
        };
        deliver(&post);
        // Some are recorded, some are on their way.
        eventually_within(Duration::from_secs(120), "the first of them", || {
            (http::all_runs(&post.wren, &each).len() > before).then_some(())
        });
        if round % 2 == 0 {
            post.dovecot.kill();
        }
        post.wren.kill();
        deliver(&post);
        if round % 2 == 0 {
            post.dovecot.start_again();
        }
        post.wren.start_server();
    }
    assert_eq!(delivered, MAILS);
    let runs = eventually_within(Duration::from_secs(600), "the end of all runs", || {
        let runs = http::all_runs(&post.wren, &each);
        (runs.len() >= MAILS && runs.iter().all(|run| run["status"] == "success")).then_some(runs)
    });
    let results = post.results(&runs);
    assert_eq!(runs.len(), MAILS);
    assert!((0..MAILS).all(|number| results.get(&format!("order {number}")) == Some(&1)), "{results:?}");
    let runs = post.until_runs(&some, MAILS / 10);
    assert_eq!(post.results(&runs).len(), MAILS / 10, "one run for each mail of the other trigger, too");

    post.until_watch(&each, "idle");
    let mut took: Vec<i64> = (MAILS..MAILS + 21).map(|number| delay(&post, &each, number)).collect();
    took.sort_unstable();
    println!(
        "from delivery to the handler's start: median {} ms, longest {} ms, of {}",
        took[10],
        took[20],
        took.len()
    );
}

/// Delivers a mail; returns how many milliseconds later its handler started.
fn delay(post: &Post, deployment: &str, number: usize) -> i64 {
    let before = Utc::now();
    post.deliver_numbered(number);
    let runs = post.until_runs(deployment, number + 1);
    let started: DateTime<Utc> = runs[0]["started_at"].as_str().unwrap().parse().unwrap();
    (started - before).num_milliseconds()
}

#[test]
fn a_mailbox_that_refuses_its_password_needs_attention_until_the_user_has_acted() {
    let Some(post) = Post::start(&[]) else { return };
    let id = post.deploy("each", EACH);
    post.deliver_numbered(0);
    post.until_runs(&id, 1);

    post.change_password("another");
    let shown = post.until_status(&id, "needs_attention");
    let reason = shown["status_reason"].as_str().unwrap();
    assert!(reason.contains("refused the login") && reason.contains("set the credential `imap` again"), "{reason}");
    let watch = &shown["trigger_details"][0]["watch"];
    assert_eq!(
        (&watch["account"], &watch["place"], &watch["state"], &watch["last_error"]["code"]),
        (&json!("imap"), &json!("INBOX"), &json!("needs_attention"), &json!("INTEGRATION_NOT_CONFIGURED"))
    );
    assert!(watch["lag_ms"].is_u64() && watch["failures"].as_u64() > Some(0), "{watch}");
    let printed = post.wren.text(["status", "each"]);
    assert!(printed.contains("needs_attention") && printed.contains("imap/INBOX"), "{printed}");
    assert!(printed.lines().any(|line| line.starts_with("imap/INBOX: ") && line.contains("refused")), "{printed}");

    let state = |state: &str| format!("wren_watches{{kind=\"email\",state=\"{state}\"}} 1");
    let figure = |line: &str| http::get_text(&post.wren, "/metrics").lines().any(|other| other == line).then_some(());
    eventually("the figure", || figure(&state("needs_attention")));

    // What comes meanwhile waits in the mailbox.
    post.deliver_numbered(1);
    post.set_account("another");
    post.until_status(&id, "active");
    let runs = post.until_runs(&id, 2);
    eventually("the figure", || figure(&state("idle")));
    let figures = http::get_text(&post.wren, "/metrics");
    for line in [
        "wren_fires_total{kind=\"email\"} 2",
        "wren_runs_total{outcome=\"success\",executor=\"wasm\"} 2",
        "wren_run_start_delay_seconds_count{kind=\"email\"} 2",
        "# TYPE wren_run_duration_seconds histogram",
        "# TYPE wren_watch_lag_seconds gauge",
    ] {
        assert!(figures.lines().any(|other| other == line), "{line} is not in {figures}");
    }
    assert!(figures.contains("route=\"/v1/deployments/{id}\"") && !figures.contains(&id), "{figures}");
    assert_eq!(post.results(&runs).into_iter().collect::<Vec<_>>(), [("order 0".into(), 1), ("order 1".into(), 1)]);
}

#[test]
fn without_an_account_a_trigger_wants_one_or_an_address_and_an_address_goes_with_its_deployment() {
    let Some(post) = Post::start(&[]) else { return };
    post.wren.text(["credentials", "delete", "imap", "--owner", "ada"]);
    let file = post.wren.write("each.py", EACH);
    let deployed = post.wren.json(["deploy", &file, "--json"]);
    let id = deployed["deployment_id"].as_str().unwrap();
    let shown = post.until_status(id, "needs_attention");
    let reason = shown["status_reason"].as_str().unwrap();
    assert!(reason.contains("no credential `imap`") && reason.contains("wren credentials set imap"), "{reason}");

    let path = format!("/v1/deployments/{id}/inbound");
    let (status, opened) = http::request(&post.wren, "POST", &path, post.wren.key(), b"");
    assert_eq!(status, 201, "{opened}");
    let shown = post.until_status(id, "active");
    assert_eq!(shown["trigger_details"][0].get("watch"), None, "no mailbox is wanted");

    post.wren.text(["undeploy", id]);
    let left = post.wren.text(["credentials", "list", "--owner", "ada"]);
    assert!(!left.contains("inbound_"), "the address's secret goes with it: {left}");
}

#[test]
fn a_handler_gets_the_whole_mail_under_both_executors() {
    let Some(post) = Post::start(&[]) else { return };
    let mut executors = vec!["wasm"];
    if can_run_processes() {
        executors.push("process");
    }
    let script = |executor: &str| {
        format!(
            "# /// script\n# [tool.wren]\n# executor = \"{executor}\"\n# ///\nimport wren\n\n\
             @wren.on_email(has_attachment=True)\ndef handle(email: wren.Email):\n    \
             paper = email.attachments[0]\n    \
             return [email.from_, email.to, email.cc, email.subject, email.date.isoformat(), email.text, email.html,\n            \
             email.message_id, email.headers[\"X-Trace\"], paper.filename, paper.content_type, len(paper.content),\n            \
             email.verified_sender, wren.context().trigger]\n"
        )
    };
    let ids: Vec<String> = executors.iter().map(|executor| post.deploy(executor, &script(executor))).collect();
    post.deliver(
        "From: =?utf-8?q?Ren=C3=A9?= <rene@example.com>\nTo: ada@example.com\nCc: Eve <eve@example.com>\n\
         Subject: =?iso-8859-1?q?Caf=E9?=\nDate: Sat, 28 Nov 2026 09:00:00 +0100\nMessage-ID: <1@example.com>\nX-Trace: abc\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n\
         --c\nContent-Type: text/plain; charset=utf-8\n\nGrüße\n--c\nContent-Type: text/html\n\n<p>Hi</p>\n--c--\n\
         --b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"../../a.pdf\"\n\
         Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n--b--\n",
    );
    let mut seen: Vec<Value> = Vec::new();
    for id in &ids {
        let run = post.until_runs(id, 1).remove(0);
        let shown = http::get(&post.wren, &format!("/v1/runs/{}", run["run_id"].as_str().unwrap()));
        seen.push(shown["result"].clone());
    }
    let result = seen[0].as_array().unwrap();
    assert_eq!(result[0], "René <rene@example.com>");
    assert_eq!((&result[1], &result[2]), (&json!(["ada@example.com"]), &json!(["\"Eve\" <eve@example.com>"])));
    assert_eq!((&result[3], &result[4]), (&json!("Café"), &json!("2026-11-28T09:00:00+01:00")));
    assert_eq!((result[5].as_str().unwrap().trim(), result[6].as_str().unwrap().trim()), ("Grüße", "<p>Hi</p>"));
    assert_eq!((&result[7], &result[8]), (&json!("<1@example.com>"), &json!("abc")));
    assert_eq!((&result[9], &result[10], &result[11]), (&json!("a.pdf"), &json!("application/pdf"), &json!(9)));
    assert_eq!((&result[12], &result[13]), (&json!(false), &json!("email")));
    assert!(seen.iter().all(|other| other == &seen[0]), "{seen:?}");
}

#[test]
fn what_past_mails_would_have_done_is_told_before_a_deploy() {
    let Some(post) = Post::start(&[]) else { return };
    post.deliver_numbered(7);
    post.deliver("From: eve@example.com\nTo: ada@example.com\nSubject: lunch\nMessage-ID: <l@example.com>\n\nHi.\n");
    let file = post.wren.write("each.py", EACH);
    let answer = post.wren.json(["email", "dry-run", &file, "--json"]);
    let trigger = &answer["triggers"][0];
    assert_eq!(
        (&trigger["func"], &trigger["matched"], &trigger["complete"]),
        (&json!("each"), &json!(1), &json!(true))
    );
    let failed = |subject: &str| {
        let events = trigger["events"].as_array().unwrap();
        events.iter().find(|event| event["summary"]["subject"] == subject).unwrap()["failed"].clone()
    };
    assert_eq!((failed("order 7"), failed("lunch")), (Value::Null, json!(["subject"])));
    let printed = post.wren.text(["email", "dry-run", &file, "--last", "1"]);
    assert!(printed.contains("each") && printed.contains("lunch") && !printed.contains("order 7"), "{printed}");
    let refused = post.wren.run(["email", "dry-run", &file, "--last", "0", "--json"]);
    assert!(refused.code != 0 && refused.error()["hint"].is_string(), "{refused:?}");
}
