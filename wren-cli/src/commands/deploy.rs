//! `wren deploy`: a script and what it declares go to the server, which examines both.

use chrono::{DateTime, Local, Utc};
use serde_json::Value;
use wren_core::deploy::{self, DeployMetadata, DeployRequest, DeployRules};

use super::local::LocalScript;
use crate::args::DeployArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::time::{coming, rfc3339};
use crate::wire::DeployReply;

/// Deploys a script.
pub(super) async fn deploy(args: DeployArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let script = LocalScript::read(&args.file.file)?;
    let answer = send(&script, args.name, client).await?;
    show(&answer, output)?;
    output.document(&answer);
    Ok(())
}

/// Sends a script and returns the server's answer as it came.
pub(super) async fn send(script: &LocalScript, name: Option<String>, client: &Client) -> Result<Value, Failure> {
    let request = DeployRequest { script: script.text()?, metadata: metadata(&script.bytes), name };
    let answer = client.post("/v1/scripts/deploy", &request).await;
    answer.map_err(|failure: Failure| failure.in_script(script.name.clone(), &script.bytes))
}

/// Shows a server's answer.
pub(super) fn show(answer: &Value, output: Output) -> Result<DeployReply, Failure> {
    let reply: DeployReply = super::understood(answer)?;
    let revision = match (reply.revision, reply.changed) {
        (Some(revision), Some(false)) => format!(" (unchanged, revision {revision})"),
        (Some(revision), _) => format!(" (revision {revision})"),
        (None, _) => String::new(),
    };
    output.done(format_args!("Deployed: {}{revision}", reply.deployment_id));
    match reply.next_run {
        Some(at) => output.done(format_args!("Next run: {}", in_words(at))),
        None if reply.triggers_registered == 0 => {
            output.line(format_args!("No triggers: run it with `wren run {}`", reply.deployment_id));
        }
        None => {}
    }
    Ok(reply)
}

fn in_words(at: DateTime<Utc>) -> String {
    format!("{} ({})", coming(at, Utc::now(), &Local), rfc3339(at))
}

/// Returns what can be read out of a script without running it, for the server to check against what it finds.
///
/// The imports alone: what a decorator's arguments come to is known for certain only after the import, and a guess that
/// differed would refuse a script that is right. A script with faults gets none, so that each is reported once.
fn metadata(source: &[u8]) -> Option<DeployMetadata> {
    let parsed = deploy::parse(source, &DeployRules::new(Vec::new()));
    if !parsed.diagnostics().is_empty() {
        return None;
    }
    Some(DeployMetadata { integrations: Some(parsed.integrations().to_vec()), ..DeployMetadata::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_imports_are_sent_and_a_broken_script_sends_nothing() {
        let metadata = metadata(b"import wren\nfrom wren import slack, gmail\n").unwrap();
        assert_eq!(metadata.integrations.unwrap(), ["gmail", "slack"]);
        assert_eq!(super::metadata(b"from wren import gmail\nx = = 1\n"), None);
    }
}
