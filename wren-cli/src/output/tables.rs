//! Lists as tables without lines, which read well and are cut well.

use chrono::{DateTime, Local, Utc};
use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::style::harmless;
use super::time::{coming, duration, past};
use crate::wire::{Deployment, Run};

/// What stands where there is nothing to say.
const NONE: &str = "-";

/// Returns rows under a header, columns aligned.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).force_no_tty().set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| harmless(&cell).into_owned()));
    }
    // The style's own margin would indent the first column.
    table
        .lines()
        .map(|line| line.trim_end().strip_prefix(' ').unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns a table of deployments.
pub(crate) fn deployments(list: &[Deployment], now: DateTime<Utc>) -> String {
    let rows = list.iter().map(|deployment| {
        [
            deployment.id.clone(),
            deployment.name.clone(),
            deployment.status.clone(),
            deployment.triggers.to_string(),
            deployment.last_run.map_or_else(|| NONE.to_owned(), |at| past(at, now)),
            deployment.next_run.map_or_else(|| NONE.to_owned(), |at| coming(at, now, &Local)),
        ]
    });
    table(["ID", "NAME", "STATUS", "TRIGGERS", "LAST RUN", "NEXT RUN"], rows)
}

/// Returns a table of runs.
pub(crate) fn runs(list: &[Run], now: DateTime<Utc>) -> String {
    let rows = list.iter().map(|run| {
        [
            run.run_id.clone(),
            run.trigger.clone(),
            status(run),
            run.scheduled_for.or(run.started_at).map_or_else(|| NONE.to_owned(), |at| past(at, now)),
            run.duration_ms.map_or_else(|| NONE.to_owned(), duration),
            run.error.as_ref().map_or_else(|| NONE.to_owned(), |error| error.code.clone()),
        ]
    });
    table(["RUN", "TRIGGER", "STATUS", "DUE", "TOOK", "ERROR"], rows)
}

/// Returns a run's state with the reason why it was skipped.
pub(crate) fn status(run: &Run) -> String {
    match &run.skip_reason {
        Some(reason) => format!("{} ({reason})", run.status),
        None => run.status.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let rows = [["a".to_owned(), "long cell".to_owned()], ["bb".to_owned(), "\u{1b}[2J".to_owned()]];
        insta::assert_snapshot!(table(["X", "Y"], rows), @r"
        X   Y
        a   long cell
        bb  \u{1b}[2J
        ");
    }
}
