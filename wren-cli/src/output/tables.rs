//! Lists as tables without lines, which read well and are cut well.

use chrono::{DateTime, Local, SecondsFormat, Utc};
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use wren_core::schedule::ExplainedFire;

use super::style::harmless;
use super::time::{coming, duration, past, rfc3339};
use crate::wire::{Deployment, Revision, Run, Trigger, Watch};

/// What stands where there is nothing to say.
const NONE: &str = "-";

/// Returns rows under a header, columns aligned. Towards a terminal they are as wide as it is at most, else each row is one line.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    within(Table::new().width(), header, rows)
}

/// Makes the table; cells that a width is too narrow for are broken, but for those of the first column: names and ids are copied.
fn within<const N: usize>(
    width: Option<u16>,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).force_no_tty().set_header(header);
    if let Some(width) = width {
        // The margin that is taken off below.
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.saturating_add(1));
    }
    for row in rows {
        table.add_row(row.map(|cell| harmless(&cell).into_owned()));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
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

/// Returns a table of revisions.
pub(crate) fn revisions(list: &[Revision], now: DateTime<Utc>) -> String {
    let rows = list.iter().map(|revision| {
        let is_current = if revision.current { "current" } else { NONE };
        let hash: String = revision.script_sha256.chars().take(12).collect();
        let deployed = past(revision.created_at, now);
        [revision.number.to_string(), deployed, revision.triggers.to_string(), hash, is_current.to_owned()]
    });
    table(["REVISION", "DEPLOYED", "TRIGGERS", "SCRIPT", "STATUS"], rows)
}

/// Returns a table of triggers.
pub(crate) fn triggers(list: &[Trigger], now: DateTime<Utc>) -> String {
    let or_none = |cell: Option<String>| cell.unwrap_or_else(|| NONE.to_owned());
    let rows = list.iter().map(|trigger| {
        [
            trigger.func.clone(),
            when(trigger),
            or_none(trigger.last_started_at.map(|at| past(at, now))),
            or_none(trigger.lateness_ms.map(duration)),
            or_none(trigger.interval_ms.map(duration)),
            or_none(trigger.next_due.map(|at| coming(at, now, &Local))),
        ]
    });
    table(["FUNCTION", "WHEN", "LAST RUN", "LATE BY", "REALLY EVERY", "NEXT RUN"], rows)
}

/// Returns what fires a trigger, as its script says it.
fn when(trigger: &Trigger) -> String {
    let said = ["cron", "every", "at"].into_iter().find_map(|key| Some((key, trigger.config.get(key)?.as_str()?)));
    match (said, &trigger.timezone) {
        (Some(("cron", expression)), Some(timezone)) => format!("{expression} ({timezone})"),
        (Some(("cron", expression)), None) => expression.to_owned(),
        (Some((key, text)), _) => format!("{key} {text}"),
        (None, _) => trigger.kind.clone(),
    }
}

/// Says why the latest due time of a trigger did not run; none when it did, or may yet.
pub(crate) fn why_not(trigger: &Trigger) -> Option<String> {
    let due = trigger.last_due.as_ref().filter(|due| due.status == "skipped")?;
    let reason = due.skip_reason.as_deref().unwrap_or("no reason is known");
    let why = match reason {
        "overlap" => "an earlier run had not ended (`overlap` says what happens then)",
        "paused" => "the deployment was paused",
        "needs_attention" => "the deployment waited for its user",
        "coalesced" => "several due times had been missed, and a later one ran in their place (`catch_up`)",
        "expired" => "it was found too late (`catch_up` and `catch_up_window` say how late is too late)",
        "quota" => "its owner's quota of runs a day was used up (`GET /v1/usage` shows the quotas)",
        other => other,
    };
    Some(format!("{} did not run when it was due at {}: {why}", trigger.func, rfc3339(due.scheduled_for)))
}

/// Returns a table of what triggers have watched.
pub(crate) fn watches(list: &[&Watch], now: DateTime<Utc>) -> String {
    let ago = |at: Option<DateTime<Utc>>| at.map_or_else(|| NONE.to_owned(), |at| past(at, now));
    let rows = list.iter().map(|watch| {
        let failures = if watch.failures == 0 { NONE.to_owned() } else { watch.failures.to_string() };
        let Watch { account, place, state, .. } = watch;
        [format!("{account}/{place}"), state.clone(), ago(watch.last_success), ago(watch.last_event), failures]
    });
    table(["WATCHED", "STATE", "LAST LOOK", "NEWEST EVENT", "FAILURES"], rows)
}

/// Says what keeps something from being watched; none when it is.
pub(crate) fn why_unwatched(watch: &Watch) -> Option<String> {
    let error = watch.last_error.as_ref().filter(|_| watch.failures > 0)?;
    let hint = error.hint.iter().map(|hint| format!("; {hint}")).collect::<String>();
    let act = error.action_url.iter().map(|url| format!("; act at {url}")).collect::<String>();
    Some(format!("{}/{}: {}{hint}{act}", watch.account, watch.place, error.message))
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

/// Returns a table of due times.
pub(crate) fn fires(list: &[ExplainedFire]) -> String {
    table(["LOCAL", "UTC", "NOTE"], list.iter().map(fire))
}

/// Returns a table of due times, each with the function that it calls.
pub(crate) fn replayed<'a>(list: impl Iterator<Item = (&'a str, &'a ExplainedFire)>) -> String {
    let rows = list.map(|(func, due)| {
        let [local, utc, note] = fire(due);
        [local, utc, func.to_owned(), note]
    });
    table(["LOCAL", "UTC", "FUNCTION", "NOTE"], rows)
}

fn fire(fire: &ExplainedFire) -> [String; 3] {
    [fire.local.to_rfc3339_opts(SecondsFormat::AutoSi, false), rfc3339(fire.utc), fire.note.clone().unwrap_or_default()]
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
    fn a_table_is_as_wide_as_the_terminal_at_most_and_its_first_column_whole() {
        let id = "run_01jf2y8v3qe7w9r5t1y3v5a7s9";
        let row = [id.to_owned(), "queued".to_owned(), "a reason that has many words to be said in".to_owned()];
        let shown = within(Some(60), ["RUN", "STATUS", "WHY"], [row.clone()]);
        assert!(shown.lines().count() > 2 && shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
        assert!(shown.contains(id), "{shown}");
        assert_eq!(within(None, ["RUN", "STATUS", "WHY"], [row]).lines().count(), 2);
    }

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
