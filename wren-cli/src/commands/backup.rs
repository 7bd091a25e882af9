//! `wren backup`: a store in one file, and a store made of it.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use wren_core::store::{
    BackupSummary, Namespace, Pieces, Portable, RestoreOptions, create_backup, restore_backup_as, verify_backup,
};
use wren_vault::{forget_unused_masters, sealed_namespaces};

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
        BackupCommand::Restore { file, without_credentials, paused, data, vault } => {
            let mut options = RestoreOptions::default();
            if without_credentials {
                options.left_out = sealed_namespaces().to_vec();
            }
            options.paused = paused.then(|| "restored from a backup".to_owned());
            restore(&file, &options, &data, &vault, output).await
        }
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

async fn restore(
    file: &Path,
    options: &RestoreOptions,
    data: &DataArgs,
    vault: &VaultArgs,
    output: Output,
) -> Result<(), Failure> {
    // Before the store is opened: a wrong file must not make an empty one.
    let summary = verify_backup(file)?;
    let store = open_portable(&data.store, &data.data).await?;
    let now = Utc::now();
    let restored = restore_backup_as(file, &*store, options, now, &mut progress(output)).await?;
    output.done(format_args!(
        "Restored: {} into {}, {}",
        rfc3339(summary.created_at),
        data.store,
        amounts(restored.pieces)
    ));
    output.done(format_args!("Compared: the store and the backup hash to {}", restored.sha256));
    if options.paused.is_some() {
        output.remark("every deployment is paused: `wren resume NAME` lets one go on");
    }
    if !options.left_out.is_empty() {
        output.remark(
            "credentials were left out: set them (`wren credentials set`) and connect them (`wren connect`) anew",
        );
    }
    // A key that nothing is sealed under would be asked for at the next start, and may be lost with the old machine.
    forget_unused_masters(&*store).await?;
    let locked = locked(&store, data, vault, now).await?;
    if let Some(problem) = &locked {
        output.remark(format_args!("the credentials cannot be opened: {}", problem.message));
        let hint = problem.hint.as_deref().unwrap_or("name the key with --vault");
        output.remark(format_args!(
            "{hint}; without the master key of then no server starts on this store: restore \
             into an empty one with --without-credentials, and set and connect them anew"
        ));
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
