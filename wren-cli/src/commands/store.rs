//! `wren store`: works on stores themselves, while no server runs on them.

use std::path::Path;

use chrono::Utc;
use serde_json::json;
use wren_core::store::{Pieces, copy};

use crate::args::{StoreArgs, StoreCommand};
use crate::backends::{StoreChoice, open_portable, refuse_missing};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::progress::Progress;

/// Copies a store.
pub(super) async fn store(args: StoreArgs, output: Output) -> Result<(), Failure> {
    let StoreCommand::Migrate { from, to, data } = args.command;
    migrate(&from, &to, &data, output).await
}

async fn migrate(from: &StoreChoice, to: &StoreChoice, data: &Path, output: Output) -> Result<(), Failure> {
    if from == to {
        return Err(Failure::usage("--from and --to name the same store", "name the store to fill with --to"));
    }
    refuse_missing(from, data)?;
    let source = open_portable(from, data).await?;
    let target = open_portable(to, data).await?;
    let mut progress = Progress::new(output);
    let mut report = |pieces: Pieces| {
        let Pieces { deployments, runs, records } = pieces;
        progress.show(format_args!("copied {deployments} deployments, {runs} runs, {records} records so far"));
    };
    let copied = copy(&*source, &*target, &from.to_string(), Utc::now(), &mut report).await?;
    drop(progress);
    let Pieces { deployments, runs, records } = copied.pieces;
    output.done(format_args!("Copied: {from} to {to}, {deployments} deployments, {runs} runs, {records} records"));
    output.done(format_args!("Compared: both stores hash to {}", copied.sha256));
    output.document(&json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "deployments": deployments,
        "runs": runs,
        "records": records,
        "sha256": copied.sha256,
        "resumed": copied.resumed,
    }));
    Ok(())
}
