//! Scripts that are right, and what their manifests say.

use super::*;
use crate::model::{Backoff, CatchUp, Delivery, Overlap};
use crate::schedule::{Rule, Timezone};

#[test]
fn the_designs_example_becomes_its_manifest() {
    let script = "\
# /// script
# dependencies = [\"httpx\"]
# [tool.wren]
# timezone = \"Europe/Dublin\"
# timeout = \"90s\"
# ///
import wren
from wren import slack, gmail as mail

@wren.on_schedule(\"0 9 * * *\", timezone=\"America/New_York\", overlap=\"queue\", catch_up=\"all\", retries=3, timeout=\"5m\",
                  backoff={\"initial\": \"1s\", \"max\": \"1m\"}, delivery=\"at_most_once\", jitter=\"30s\", catch_up_window=\"2h\")
def daily_summary():
    mail.send(to=\"me@example.com\", body=wren.ai(\"Summarise\"))

@wren.on_schedule(every=\"15m\")
@wren.on_schedule(\"@daily\", end=None)
async def poll(): ...

@wren.on_email(subject=r\"invoice\", from_=\"*@acme.com\", retries=1)
def handle(email: wren.Email):
    def inner(): ...

if True:
    def helper(): ...
";
    let examination = examine_text(script);
    assert_findings("the example", &examination, &[]);
    let manifest = examination.manifest;
    assert_eq!(manifest.integrations, ["gmail", "slack"]);
    assert_eq!(manifest.functions, ["daily_summary", "poll", "handle", "helper"]);
    assert_eq!(manifest.settings.dependencies, ["httpx"]);
    let [daily, every, midnight, email] = manifest.triggers.try_into().unwrap();

    let schedule = daily.schedule.unwrap();
    assert!(matches!(schedule.schedule.rule(), Rule::Cron { timezone, .. } if timezone.name() == "America/New_York"));
    assert_eq!((schedule.catch_up, schedule.catch_up_window_ms, schedule.jitter_ms), (CatchUp::All, 7_200_000, 30_000));
    assert_eq!((daily.policy.overlap, daily.policy.delivery), (Overlap::Queue, Delivery::AtMostOnce));
    assert_eq!((daily.policy.retries, daily.policy.timeout_ms), (3, 300_000));
    assert_eq!(daily.policy.backoff, Backoff { initial_ms: 1000, max_ms: 60_000 });

    assert_eq!(every.policy.timeout_ms, 90_000);
    assert_eq!(every.config, *json!({"every": "15m"}).as_object().unwrap());
    let next = every.schedule.unwrap().schedule.next_after(now()).unwrap();
    assert_eq!(next.to_rfc3339(), "2026-06-01T12:15:00+00:00");

    assert_eq!(midnight.config, *json!({"cron": "@daily"}).as_object().unwrap());
    let schedule = midnight.schedule.unwrap();
    assert!(matches!(schedule.schedule.rule(), Rule::Cron { timezone, .. } if timezone.name() == "Europe/Dublin"));
    assert_eq!((schedule.catch_up, schedule.catch_up_window_ms), (CatchUp::Latest, 3_600_000));

    assert_eq!((email.kind, email.func.as_str()), (TriggerKind::Email, "handle"));
    assert_eq!(email.config["from"], "*@acme.com");
    assert_eq!((email.policy.overlap, email.policy.retries), (Overlap::Allow, 1));
}

#[test]
fn decorators_are_known_by_any_alias() {
    for script in [
        "import wren as w\n@w.on_schedule('@daily')\ndef f(): ...",
        "from wren import on_schedule as every\n@every('@daily')\ndef f(): ...",
        "from wren import *\n@on_schedule(cron='@daily')\ndef f(): ...",
        "import wren.gmail\n@wren.on_schedule('@daily')\ndef f(): ...",
    ] {
        let examination = examine_text(script);
        assert_findings(script, &examination, &[]);
        assert_eq!(examination.manifest.triggers.len(), 1, "{script}");
    }
    assert_eq!(examine_text("import wren\ndef f(): wren.slack.post()").manifest.integrations, ["slack"]);
}

#[test]
fn a_script_without_triggers_is_for_manual_runs() {
    let examination = examine_text("def f(x): ...\n");
    assert_findings("manual", &examination, &[]);
    assert_eq!(examination.manifest.functions, ["f"]);
}

#[test]
fn the_same_script_gives_the_same_manifest_at_any_time() {
    let rules = rules();
    let script = b"import wren\n@wren.on_schedule(every='7h')\ndef f(): ...\n";
    let at = |hours| check(parse(script, &rules), None, None, &rules, now() + chrono::TimeDelta::hours(hours)).manifest;
    assert_eq!(at(0), at(1));
    assert_eq!(Timezone::default(), Timezone::UTC);
}
