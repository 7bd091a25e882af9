//! `wren backup`: a store in one file, and a store made of it.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use wren_core::store::{BackupSummary, Namespace, Pieces, Portable, create_backup, restore_backup, verify_backup};

use crate::args::{BackupArgs, BackupCommand, DataArgs, VaultArgs};
use crate::backends::{open_portable, open_vault, refuse_missing};
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::output::time::rfc3339;

/// Makes, reads or restores a backup.
pub(super) async fn backup(args: BackupArgs, output: Output) -> Result<(), Failure> {
    match args.command {
        BackupCommand::Create { file, data } => create(&file, &data, output).await,
        BackupCommand::Verify { file } => {
            let summary = verify_backup(&file)?;
            output.done(format_args!(
                "Whole: a store of {} as it was at {}, {}",
                summary.store,
                rfc3339(summary.created_at),
                amounts(summary.pieces)
            ));
            output.document(&described(&file, &summary));
            Ok(())
        }
        BackupCommand::Restore { file, data, vault } => restore(&file, &data, &vault, output).await,
    }
}

async fn create(file: &Path, data: &DataArgs, output: Output) -> Result<(), Failure> {
    refuse_missing(&data.store, &data.data)?;
    let store = open_portable(&data.store, &data.data).await?;
    let now = Utc::now();
    let summary = create_backup(&*store, file, now, &mut progress(output)).await?;
    output.done(format_args!(
        "Backed up: {} as of {}, {}, {} bytes",
        data.store,
        rfc3339(summary.created_at),
        amounts(summary.pieces),
        summary.bytes
    ));
    output.done("Read back: the file is what the store was");
    if has_credentials(&*store, now).await? {
        output
            .remark("the master key that credentials are sealed under is not in the file: keep it, too, and elsewhere");
    }
    output.document(&described(file, &summary));
    Ok(())
}

async fn restore(file: &Path, data: &DataArgs, vault: &VaultArgs, output: Output) -> Result<(), Failure> {
    // Before the store is opened: a wrong file must not make an empty one.
    let summary = verify_backup(file)?;
    let store = open_portable(&data.store, &data.data).await?;
    let now = Utc::now();
    let restored = restore_backup(file, &*store, now, &mut progress(output)).await?;
    output.done(format_args!(
        "Restored: {} into {}, {}",
        rfc3339(summary.created_at),
        data.store,
        amounts(restored.pieces)
    ));
    output.done(format_args!("Compared: the store and the backup hash to {}", restored.sha256));
    let locked = locked(&store, data, vault, now).await?;
    if let Some(problem) = &locked {
        output.remark(format_args!("the credentials cannot be opened: {}", problem.message));
        let hint = problem.hint.as_deref().unwrap_or("name the key with --vault");
        output.remark(format_args!("{hint}; without the master key of then they have to be set and connected anew"));
    }
    output.remark(format_args!(
        "what happened after {} is not in it: keys revoked since are good again, and runs that were going on then run again",
        rfc3339(summary.created_at)
    ));
    let Pieces { deployments, runs, records } = restored.pieces;
    output.document(&json!({
        "file": file.display().to_string(),
        "created_at": rfc3339(summary.created_at),
        "into": data.store.to_string(),
        "deployments": deployments,
        "runs": runs,
        "records": records,
        "sha256": restored.sha256,
        "resumed": restored.resumed,
        "vault_error": locked,
    }));
    Ok(())
}

/// Says why what is sealed in a store cannot be opened, if it cannot. Where nothing is sealed no key is asked for, and none made.
async fn locked(
    store: &Arc<dyn Portable>,
    data: &DataArgs,
    vault: &VaultArgs,
    now: DateTime<Utc>,
) -> Result<Option<Problem>, Failure> {
    if !has_credentials(&**store, now).await? {
        return Ok(None);
    }
    let opened = open_vault(vault, &data.data, Arc::clone(store) as _, None).await;
    Ok(opened.err().map(|failure| *failure.problem))
}

/// Says whether something is sealed in a store.
async fn has_credentials(store: &dyn Portable, now: DateTime<Utc>) -> Result<bool, Failure> {
    Ok(!store.record_keys(&Namespace::system("vault_keys"), "", None, 1, now).await?.is_empty())
}

/// Prints how far it is, a line now and then: a page takes milliseconds.
fn progress(output: Output) -> impl FnMut(Pieces) + Send {
    let mut shown = 0;
    move |pieces| {
        if pieces.total() / 10_000 > shown {
            shown = pieces.total() / 10_000;
            output.remark(format_args!("{} so far", amounts(pieces)));
        }
    }
}

fn amounts(pieces: Pieces) -> String {
    let Pieces { deployments, runs, records } = pieces;
    format!("{deployments} deployments, {runs} runs, {records} records")
}

/// Returns the document of a backup.
fn described(file: &Path, summary: &BackupSummary) -> Value {
    let BackupSummary { format, program, store, created_at, pieces, bytes, sha256, .. } = summary;
    let Pieces { deployments, runs, records } = pieces;
    json!({
        "file": file.display().to_string(),
        "format": format,
        "program": program,
        "store": store,
        "created_at": rfc3339(*created_at),
        "deployments": deployments,
        "runs": runs,
        "records": records,
        "bytes": bytes,
        "sha256": sha256,
    })
}
