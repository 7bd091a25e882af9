//! Pieces of another store.

use async_trait::async_trait;

use super::changes::Changes;
use super::job::Single;
use super::tables::{NewLine, NewRevision, Tables};
use crate::error::Result;
use crate::model::{Deployment, LogLine, Run};
use crate::store::{Expect, Import, PutOptions, WholeDeployment, WholeRun};

/// Writes what was read from another store.
pub(super) struct ImportAll {
    pub(super) import: Import,
}

#[async_trait]
impl Single for ImportAll {
    type Output = ();

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<()>> {
        for whole in &self.import.deployments {
            deployment(tables, whole).await?;
        }
        runs(tables, &self.import.runs).await?;
        for record in &self.import.records {
            let options = PutOptions { expect: Expect::Any, expires_at: record.expires_at, now: self.import.now };
            tables.put_record(&record.namespace, &record.key, &record.value, options).await?;
        }
        Ok(Ok(()))
    }
}

async fn deployment(tables: &mut dyn Tables, whole: &WholeDeployment) -> Result<()> {
    let WholeDeployment { deployment, last_run, revisions, triggers } = whole;
    tables.insert_deployment(deployment).await?;
    for revision in revisions {
        // A revision is written as the current one of its deployment.
        let then = Deployment { revision: revision.number, ..deployment.clone() };
        let new = NewRevision {
            deployment: &then,
            script: &revision.script,
            script_sha256: &revision.script_sha256,
            manifest: &revision.manifest,
            now: revision.created_at,
        };
        tables.insert_revision(new).await?;
    }
    // What an insertion leaves at its beginning.
    tables.update_deployment(deployment).await?;
    tables.replace_triggers(deployment.id, triggers).await?;
    if let Some(at) = last_run {
        tables.note_starts(&[(deployment.id, *at)]).await?;
    }
    Ok(())
}

async fn runs(tables: &mut dyn Tables, all: &[WholeRun]) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let rows: Vec<Run> = all.iter().map(|whole| whole.run.clone()).collect();
    tables.insert_runs(&rows).await?;
    let mut changes = Changes::default();
    for whole in all {
        changes.restore(&whole.run, &whole.attempts)?;
    }
    tables.change_runs(changes).await?;
    let lines: Vec<(LogLine, &WholeRun, u64, u32)> = all
        .iter()
        .flat_map(|whole| whole.logs.iter().map(move |entry| (whole, entry)))
        .map(|(whole, entry)| {
            let line = LogLine { at: entry.at, stream: entry.stream, text: entry.text.clone() };
            (line, whole, entry.seq, entry.attempt)
        })
        .collect();
    let lines: Vec<NewLine<'_>> = lines
        .iter()
        .map(|(line, whole, seq, attempt)| NewLine { run: whole.run.id, seq: *seq, attempt: *attempt, line })
        .collect();
    tables.append_lines(&lines).await?;
    // They have no lines; what is written is that they had.
    let pruned: Vec<_> = all.iter().filter(|whole| whole.run.logs_pruned).map(|whole| whole.run.id).collect();
    tables.delete_logs(&pruned).await
}
