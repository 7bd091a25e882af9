//! `wren email`: what a script's email triggers make of the mails that have come already.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::local::LocalScript;
use super::understood;
use crate::args::{DryRunArgs, EmailArgs, EmailCommand};
use crate::client::Client;
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::progress::waiting;
use crate::output::style::harmless;
use crate::output::tables;
use crate::output::time::rfc3339;

/// How many characters of a sender or of a subject a table shows.
const WIDEST: usize = 60;

/// What is read of the server's answer.
#[derive(Debug, Deserialize)]
struct PreviewReply {
    triggers: Vec<Trigger>,
}

/// A trigger, and what it would have done.
#[derive(Debug, Deserialize)]
struct Trigger {
    #[serde(rename = "type")]
    kind: String,
    func: String,
    /// False for a kind without past events.
    previewed: bool,
    account: Option<String>,
    place: Option<String>,
    matched: Option<u64>,
    /// False when there was no time for older mails.
    complete: Option<bool>,
    #[serde(default)]
    events: Vec<Event>,
    error: Option<Problem>,
}

/// A past mail.
#[derive(Debug, Deserialize)]
struct Event {
    at: DateTime<Utc>,
    matches: bool,
    /// The rules that it does not pass.
    #[serde(default)]
    failed: Vec<String>,
    #[serde(default)]
    summary: Map<String, Value>,
}

/// Does what is asked about emails.
pub(super) async fn email(args: EmailArgs, client: &Client, output: Output) -> Result<(), Failure> {
    match args.command {
        EmailCommand::DryRun(args) => dry_run(&args, client, output).await,
    }
}

/// Asks the server which past mails would have fired the triggers. That none would have is an answer as any other.
async fn dry_run(args: &DryRunArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let script = LocalScript::read(&args.file.file)?;
    let body = json!({"script": script.text()?, "last": args.last});
    let asked = client.post("/v1/triggers/preview", &body);
    let answer: Result<Value, Failure> = waiting(output, "looking at mails", asked).await;
    let answer = answer.map_err(|failure| failure.in_script(script.name.clone(), &script.bytes))?;
    let reply: PreviewReply = understood(&answer)?;
    for trigger in &reply.triggers {
        show(trigger, output);
    }
    if !reply.triggers.iter().any(|trigger| trigger.previewed) {
        output.line("The script has no email triggers");
    }
    if let Some(problem) = unreadable(&reply.triggers, &answer) {
        return Err(problem.into());
    }
    output.document(&answer);
    Ok(())
}

fn show(trigger: &Trigger, output: Output) {
    let func = harmless(&trigger.func);
    if !trigger.previewed {
        return output
            .line(format_args!("{func}: not looked at, as it is fired by no mail ({})\n", harmless(&trigger.kind)));
    }
    let (account, place) =
        (trigger.account.as_deref().unwrap_or_default(), trigger.place.as_deref().unwrap_or_default());
    let place = format!("{} of the account {}", harmless(place), harmless(account));
    let Some(matched) = trigger.matched else {
        return output.failed(format_args!("{func}: {place} cannot be looked at\n"));
    };
    output.line(format_args!("{func}: {matched} of {} mails in {place} match", trigger.events.len()));
    if !trigger.events.is_empty() {
        let rows = trigger.events.iter().map(row);
        output.line(tables::table(["RECEIVED", "FROM", "SUBJECT", "FIRES"], rows));
    }
    if trigger.complete == Some(false) {
        output.remark("there was no time for older mails: ask for fewer with --last");
    }
    output.line("");
}

/// Returns a mail's row: a tick, or the rules that keep it from firing.
fn row(event: &Event) -> [String; 4] {
    let text = |key: &str| shortened(event.summary.get(key).and_then(Value::as_str).unwrap_or_default());
    let verdict = match (event.matches, event.failed.is_empty()) {
        (true, _) => "✓".to_owned(),
        (false, true) => "✗".to_owned(),
        (false, false) => format!("✗ {}", event.failed.join(", ")),
    };
    [rfc3339(event.at), text("from"), text("subject"), verdict]
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns why mailboxes could not be looked at, each reason once, with the whole answer in the details.
fn unreadable(triggers: &[Trigger], answer: &Value) -> Option<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for problem in triggers.iter().filter_map(|trigger| trigger.error.as_ref()) {
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    let mut problem = Problem::gather(problems)?;
    problem.details.insert("preview".to_owned(), answer.clone());
    Some(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(triggers: Value) -> PreviewReply {
        serde_json::from_value(json!({ "triggers": triggers })).unwrap()
    }

    #[test]
    fn a_mail_that_does_not_fire_says_why() {
        let reply = reply(json!([{
            "type": "email", "func": "paid", "config": {}, "previewed": true, "account": "imap", "place": "INBOX",
            "matched": 1, "complete": true, "error": null,
            "events": [
                {"at": "2026-06-01T09:00:00Z", "matches": true, "summary": {"from": "a@x.org", "subject": "y".repeat(99)}},
                {"at": "2026-06-01T08:00:00Z", "matches": false, "failed": ["subject", "all[1].from"], "summary": {"size": 7}},
            ],
        }]));
        let rows: Vec<[String; 4]> = reply.triggers[0].events.iter().map(row).collect();
        let subject = format!("{}…", "y".repeat(WIDEST));
        assert_eq!(rows[0], ["2026-06-01T09:00:00Z".to_owned(), "a@x.org".to_owned(), subject, "✓".to_owned()]);
        assert_eq!(rows[1][1..], ["", "", "✗ subject, all[1].from"]);
        assert!(unreadable(&reply.triggers, &json!({})).is_none());
    }

    #[test]
    fn what_keeps_several_triggers_from_their_mailbox_is_told_once_and_decides_the_exit_code() {
        let refused = json!({
            "type": "UserFacingConfigError", "code": "INTEGRATION_NOT_CONFIGURED",
            "message": "the mail server refused the login", "hint": "set the credential `imap` again",
        });
        let trigger = json!({
            "type": "email", "func": "paid", "previewed": true, "account": "imap", "place": "INBOX", "matched": null,
            "complete": null, "events": [], "error": refused,
        });
        let schedule = json!({"type": "schedule", "func": "daily", "previewed": false, "error": null});
        let answer = json!({"triggers": [trigger, schedule, trigger]});
        let reply: PreviewReply = serde_json::from_value(answer.clone()).unwrap();
        let problem = unreadable(&reply.triggers, &answer).unwrap();
        assert_eq!((problem.exit_code(), problem.findings().len()), (3, 1));
        assert_eq!(problem.details["preview"], answer);
    }
}
