//! `wren deploy`: a script and what it declares go to the server, which examines both.

use std::path::Path;

use chrono::{DateTime, Local, Utc};
use serde_json::Value;
use wren_core::deploy::{self, DeployMetadata, DeployRequest, DeployRules};

use super::local::LocalScript;
use crate::args::DeployArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::progress::waiting;
use crate::output::time::{coming, rfc3339};
use crate::wire::DeployReply;

/// Deploys a script.
pub(super) async fn deploy(args: DeployArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let script = LocalScript::read(&args.file.file)?;
    let name = args.name.unwrap_or_else(|| name_of(&args.file.file));
    let answer = waiting(output, "deploying", send(&script, name, client)).await?;
    show(&answer, output)?;
    output.document(&answer);
    Ok(())
}

/// Sends a script and returns the server's answer as it came.
pub(super) async fn send(script: &LocalScript, name: String, client: &Client) -> Result<Value, Failure> {
    let request = DeployRequest { script: script.text()?, metadata: metadata(&script.bytes), name: Some(name) };
    let answer = client.post("/v1/scripts/deploy", &request).await;
    answer.map_err(|failure: Failure| failure.in_script(script.name.clone(), &script.bytes))
}

/// Returns a deployment's name made of a file's: the same whatever functions the script has at the moment, and what
/// whoever wrote the file calls it.
pub(super) fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let fitting = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' };
    let name: String = stem.chars().take(100).map(fitting).collect();
    // A leading dash would read as a flag of the commands that take the name.
    let name = name.trim_start_matches('-');
    if name.is_empty() { "script".to_owned() } else { name.to_owned() }
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
    fn a_name_is_made_of_any_file_name() {
        assert_eq!(name_of(Path::new("/a/heartbeat.py")), "heartbeat");
        assert_eq!(name_of(Path::new("mein täglicher bericht.py")), "mein-t-glicher-bericht");
        assert_eq!(name_of(Path::new("-täglich.py")), "t-glich");
        assert_eq!(name_of(Path::new("..")), "script");
    }

    #[test]
    fn the_imports_are_sent_and_a_broken_script_sends_nothing() {
        let metadata = metadata(b"import wren\nfrom wren import slack, gmail\n").unwrap();
        assert_eq!(metadata.integrations.unwrap(), ["gmail", "slack"]);
        assert_eq!(super::metadata(b"from wren import gmail\nx = = 1\n"), None);
    }
}
