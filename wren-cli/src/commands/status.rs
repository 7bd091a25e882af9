//! `wren status`: all deployments, or one with its latest runs.

use chrono::{DateTime, Local, Utc};
use serde_json::{Value, json};

use super::{deployments, understood};
use crate::args::StatusArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::style::harmless;
use crate::output::tables;
use crate::output::time::{coming, rfc3339};
use crate::wire::{Deployment, Run, RunPage, Watch};

/// How many runs are shown of one deployment.
const SHOWN_RUNS: usize = 10;

/// Shows the status.
pub(super) async fn status(args: StatusArgs, client: &Client, output: Output) -> Result<(), Failure> {
    match args.deployment {
        Some(deployment) => one(&deployment, client, output).await,
        None => all(client, output).await,
    }
}

async fn all(client: &Client, output: Output) -> Result<(), Failure> {
    let list = deployments::all(client).await?;
    let shown = list.iter().map(understood).collect::<Result<Vec<Deployment>, Failure>>()?;
    if shown.is_empty() {
        output.line("No deployments: make one with `wren deploy FILE`");
    } else {
        output.line(tables::deployments(&shown, Utc::now()));
    }
    output.document(&json!({"deployments": list}));
    Ok(())
}

async fn one(id_or_name: &str, client: &Client, output: Output) -> Result<(), Failure> {
    let id = deployments::find(id_or_name, client).await?;
    let answer: Value = client.get(&format!("/v1/deployments/{id}"), &[]).await?;
    let query = [("limit", SHOWN_RUNS.to_string())];
    let page: RunPage = client.get(&format!("/v1/deployments/{id}/runs"), &query).await?;
    let deployment: Deployment = understood(&answer)?;
    let runs = page.runs.iter().map(understood).collect::<Result<Vec<Run>, Failure>>()?;

    let now = Utc::now();
    output.line(format_args!("{} ({})", deployment.id, harmless(&deployment.name)));
    let revision = deployment.revision.map_or(String::new(), |number| format!(", revision {number}"));
    output.line(format_args!("Status: {}{revision}", harmless(&deployment.status)));
    if let Some(reason) = &deployment.status_reason {
        output.line(format_args!("Reason: {}", harmless(reason)));
    }
    if let Some(until) = deployment.paused_until {
        output.line(format_args!("Paused until: {} ({})", coming(until, now, &Local), rfc3339(until)));
    }
    if let Some(url) = &deployment.action_url {
        output.line(format_args!("Act: {}", harmless(url)));
    }
    if let Some(at) = deployment.next_run {
        output.line(format_args!("Next run: {} ({})", coming(at, now, &Local), rfc3339(at)));
    }
    if !deployment.trigger_details.is_empty() {
        output.line("");
        output.line(tables::triggers(&deployment.trigger_details, now));
        for why in deployment.trigger_details.iter().filter_map(tables::why_not) {
            output.line(harmless(&why));
        }
        watches(&deployment, now, output);
    }
    output.line("");
    if runs.is_empty() {
        output.line("No runs yet");
    } else {
        output.line(tables::runs(&runs, now));
    }
    output.document(&json!({"deployment": answer, "runs": page.runs}));
    Ok(())
}

/// Shows what a deployment's triggers have watched, each once.
fn watches(deployment: &Deployment, now: DateTime<Utc>, output: Output) {
    let mut watches: Vec<&Watch> = Vec::new();
    for watch in deployment.trigger_details.iter().filter_map(|trigger| trigger.watch.as_ref()) {
        if watches.iter().all(|other| (&other.account, &other.place) != (&watch.account, &watch.place)) {
            watches.push(watch);
        }
    }
    if watches.is_empty() {
        return;
    }
    output.line("");
    output.line(tables::watches(&watches, now));
    for why in watches.into_iter().filter_map(tables::why_unwatched) {
        output.line(harmless(&why));
    }
}
