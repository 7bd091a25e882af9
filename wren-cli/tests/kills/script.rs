//! The scripts that the server runs while it dies.

/// How many lines `printing` prints.
const LINES: usize = 3;
/// How many triggers [`steady`] has.
pub(crate) const TRIGGERS: usize = 5;

/// A script that stays deployed, a trigger for each way to overlap and for each way to end. A revision changes no trigger.
pub(crate) fn steady(revision: u64) -> String {
    format!(
        r#"import time

import wren


@wren.on_schedule(every="1s")
def printing():
    for line in range({LINES}):
        print("line", line, flush=True)
        time.sleep(0.15)
    return {revision}


@wren.on_schedule(every="1s", overlap="queue")
def counting():
    count = wren.state.get("count", 0) + 1
    wren.state["count"] = count
    print("counted")
    return count


@wren.on_schedule(every="1s", overlap="allow")
def beside():
    print("beside the others")
    time.sleep(0.3)


@wren.on_schedule(every="1s", overlap="cancel_previous")
def outlasting():
    print("begun", flush=True)
    time.sleep(1.5)


@wren.on_schedule(every="1s", retries=1, backoff="1s")
def failing():
    attempt = wren.context().attempt
    print("attempt", attempt)
    if attempt % 2 == 1:
        raise ValueError("the odd ones fail")
    return attempt


def total(event=None):
    return wren.state.get("count", 0)
"#
    )
}

/// Returns what an attempt at a function of [`steady`] prints that comes to its end, where that is known.
pub(crate) fn lines(func: &str, attempt: u64) -> Option<Vec<String>> {
    match func {
        "printing" => Some((0..LINES).map(|line| format!("line {line}")).collect()),
        "counting" => Some(vec!["counted".to_owned()]),
        "beside" => Some(vec!["beside the others".to_owned()]),
        "failing" => Some(vec![format!("attempt {attempt}")]),
        _ => None,
    }
}

/// A script that is paused, resumed, removed and deployed anew.
pub(crate) fn passing(round: u64) -> String {
    format!(
        r#"import time

import wren


@wren.on_schedule(every="1s")
def tick():
    print("tick of round {round}")
    wren.state["round"] = {round}
    wren.state.pop("round")


def slow(event=None):
    print("begun", flush=True)
    time.sleep(5)
"#
    )
}
