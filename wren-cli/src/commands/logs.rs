//! `wren logs`: what the runs of a deployment printed, and what they print from now on.

use chrono::Utc;
use serde_json::{Value, json};
use wren_core::{Error, RunId};

use super::log_view::LogView;
use super::watch::{Watch, latest_runs, lines_after, read_run};
use super::{deployments, understood};
use crate::args::LogsArgs;
use crate::client::Client;
use crate::failure::{Failure, Problem};
use crate::output::Output;
use crate::wire::{LogLine, Run, is_terminal};

/// How many runs are shown when nobody says how many lines.
const SHOWN_RUNS: usize = 10;

/// A run with its lines.
struct Printed {
    /// The run as it came.
    answer: Value,
    run: Run,
    lines: Vec<LogLine>,
    /// The number of its last line.
    after: u64,
}

/// Shows logs.
pub(super) async fn logs(args: LogsArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let mut view = LogView::new(output, args.raw);
    if let Some(answer) = only_run(&args, client).await? {
        let mut printed = vec![read(answer, client).await?];
        if let Some(tail) = args.tail {
            keep_tail(&mut printed, tail);
        }
        if !args.follow {
            show(&mut view, &printed, output);
            return Ok(());
        }
        for one in printed {
            view.lines(&one.run, &one.lines);
            Watch::follow_run(one.run, one.after, &mut view, client).await?;
        }
        return Ok(());
    }
    let id = deployments::find(&args.target, client).await?;
    let latest = latest_runs(&id, client).await?;
    let mut printed = recent(&latest, args.tail, client).await?;
    let mut watch = Watch::new(id);
    for one in &printed {
        watch.know(&one.run, one.after);
    }
    if let Some(tail) = args.tail {
        keep_tail(&mut printed, tail);
    }
    if !args.follow {
        show(&mut view, &printed, output);
        return Ok(());
    }
    for one in &printed {
        view.lines(&one.run, &one.lines);
        if is_terminal(&one.run.status) {
            view.end(&one.run, &one.answer);
        }
    }
    watch.skip(&latest, client).await?;
    watch.follow(&mut view, client).await
}

/// Returns the one run that is asked for, if one is: by itself, or with the deployment that it must belong to.
async fn only_run(args: &LogsArgs, client: &Client) -> Result<Option<Value>, Failure> {
    let target = args.target.parse::<RunId>().ok();
    let Some(id) = args.run.or(target) else { return Ok(None) };
    let answer = read_run(&id.to_string(), client).await?;
    let belongs = match target {
        Some(target) => target == id,
        None => answer["deployment_id"] == deployments::find(&args.target, client).await?.as_str(),
    };
    if belongs {
        return Ok(Some(answer));
    }
    let error = Error::not_found(format!("run {id} of `{}`", args.target))
        .with_hint(format!("the run is of another deployment: `wren logs {id}` shows it"));
    Err(Problem::from(&error).into())
}

/// Returns the latest of some runs with their lines, oldest first: enough of them for the lines wanted.
async fn recent(latest: &[Value], tail: Option<usize>, client: &Client) -> Result<Vec<Printed>, Failure> {
    let wanted = if tail.is_some() { latest.len() } else { SHOWN_RUNS };
    let mut list = Vec::new();
    let mut lines = 0;
    for answer in latest.iter().take(wanted) {
        let one = read(answer.clone(), client).await?;
        lines += one.lines.len();
        list.push(one);
        if tail.is_some_and(|tail| lines >= tail) {
            break;
        }
    }
    list.reverse();
    Ok(list)
}

async fn read(answer: Value, client: &Client) -> Result<Printed, Failure> {
    let run: Run = understood(&answer)?;
    let (lines, after) = lines_after(&run.run_id, 0, client).await?;
    Ok(Printed { answer, run, lines, after })
}

/// Drops all lines but the last ones, and the runs that have none of them.
fn keep_tail(printed: &mut Vec<Printed>, tail: usize) {
    let mut left = tail;
    for one in printed.iter_mut().rev() {
        let drop = one.lines.len().saturating_sub(left);
        one.lines.drain(..drop);
        left -= one.lines.len();
    }
    if printed.len() > 1 {
        printed.retain(|one| !one.lines.is_empty());
    }
}

fn show(view: &mut LogView, printed: &[Printed], output: Output) {
    if output.is_json() {
        let runs: Vec<Value> = printed
            .iter()
            .map(|one| {
                let mut run = one.answer.clone();
                run["logs"] = json!(one.lines);
                run
            })
            .collect();
        output.document(&json!({"runs": runs}));
        return;
    }
    if printed.is_empty() {
        output.line(format_args!("No runs yet at {}", crate::output::time::rfc3339(Utc::now())));
    }
    for one in printed {
        view.lines(&one.run, &one.lines);
        view.end(&one.run, &one.answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(id: &str, lines: u64) -> Printed {
        let run = json!({"run_id": id, "trigger": "manual", "status": "success"});
        let line = |seq| json!({"seq": seq, "at": "2024-12-08T10:30:00Z", "stream": "stdout", "text": "x"});
        Printed {
            run: serde_json::from_value(run.clone()).unwrap(),
            answer: run,
            lines: (1..=lines).map(|seq| serde_json::from_value(line(seq)).unwrap()).collect(),
            after: lines,
        }
    }

    #[test]
    fn the_tail_counts_lines_over_runs() {
        let mut list = vec![printed("a", 3), printed("b", 0), printed("c", 2)];
        keep_tail(&mut list, 3);
        let left: Vec<(&str, Vec<u64>)> =
            list.iter().map(|one| (one.run.run_id.as_str(), one.lines.iter().map(|line| line.seq).collect())).collect();
        assert_eq!(left, [("a", vec![3]), ("c", vec![1, 2])]);
    }
}
