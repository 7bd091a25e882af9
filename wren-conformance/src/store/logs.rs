//! What a run printed.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use wren_core::ErrorCode;
use wren_core::model::{LogEntry, LogLine, LogStream, Run};
use wren_core::store::{AppendLogs, Store};

use super::StoreUnderTest;
use super::steps::{deploy, refused, running};
use crate::fixtures::{NOW, ada, at, claim, finish, held, line, request, retry, run_id, success};

async fn append(store: &dyn Store, run: &Run, texts: &[&str]) {
    let lines = texts.iter().map(|text| line(text)).collect();
    assert_eq!(store.append_logs(vec![AppendLogs { held: held(run), lines }]).await.unwrap(), [true]);
}

async fn all(store: &dyn Store, run: &Run) -> Vec<LogEntry> {
    store.logs(&ada(), run.id, 0, 1_000_000).await.unwrap()
}

fn texts(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.text.as_str()).collect()
}

pub async fn lines_are_kept_in_order_with_stream_time_and_attempt(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    // The times run backwards: the order is that of the lines.
    let lines: Vec<LogLine> = LogStream::ALL
        .into_iter()
        .enumerate()
        .map(|(number, stream)| LogLine {
            at: NOW - TimeDelta::microseconds(number as i64),
            stream,
            text: format!("line {number}"),
        })
        .collect();
    store.append_logs(vec![AppendLogs { held: held(&run), lines: lines.clone() }]).await.unwrap();
    let entries = all(store, &run).await;
    assert_eq!(entries.len(), 3);
    for (entry, line) in entries.iter().zip(&lines) {
        assert_eq!((entry.at, entry.stream, &entry.text, entry.attempt), (line.at, line.stream, &line.text, 1));
    }
}

pub async fn numbers_start_at_one_and_grow_over_all_attempts(test: StoreUnderTest) {
    let store = &*test.store;
    let mut run = running(store, &ada()).await;
    append(store, &run, &["1a", "1b"]).await;
    append(store, &run, &[]).await;
    append(store, &run, &["1c"]).await;
    let mut end = finish(&run, retry(at(1)), at(1));
    end.logs = vec![line("1d")];
    store.finish(end).await.unwrap();
    run = store.claim(claim(at(1))).await.unwrap().runs.remove(0);
    append(store, &run, &["2a"]).await;
    let mut end = finish(&run, success(), at(2));
    end.logs = vec![line("2b")];
    store.finish(end).await.unwrap();
    let entries = all(store, &run).await;
    assert_eq!(texts(&entries), ["1a", "1b", "1c", "1d", "2a", "2b"]);
    assert_eq!(entries.iter().map(|entry| entry.attempt).collect::<Vec<_>>(), [1, 1, 1, 1, 2, 2]);
    assert_eq!(entries[0].seq, 1);
    assert!(entries.windows(2).all(|pair| pair[0].seq < pair[1].seq));
}

pub async fn numbers_are_of_each_run_alone(test: StoreUnderTest) {
    let store = &*test.store;
    let (one, two) = (running(store, &ada()).await, running(store, &ada()).await);
    append(store, &one, &["a", "b"]).await;
    append(store, &two, &["c"]).await;
    assert_eq!(all(store, &two).await[0].seq, 1);
    assert_eq!(texts(&all(store, &one).await), ["a", "b"]);
}

pub async fn a_reader_goes_on_after_the_last_it_saw(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let expected: Vec<String> = (0..25).map(|number| format!("line {number}")).collect();
    append(store, &run, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let entries = store.logs(&ada(), run.id, after, 10).await.unwrap();
        assert!(entries.len() <= 10);
        let Some(last) = entries.last() else { break };
        after = last.seq;
        seen.extend(entries.into_iter().map(|entry| entry.text));
    }
    assert_eq!(seen, expected);
    assert_eq!(store.logs(&ada(), run.id, u64::from(u32::MAX), 10).await.unwrap(), []);
    assert_eq!(store.logs(&ada(), run.id, 0, 0).await.unwrap(), []);
    append(store, &run, &["more"]).await;
    assert_eq!(texts(&store.logs(&ada(), run.id, after, 10).await.unwrap()), ["more"]);
}

pub async fn odd_texts_are_kept_exactly(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let longest = "é".repeat(32 * 1024);
    let odd = [
        "",
        " ",
        "\u{0}",
        "before\u{0}after",
        "\u{1b}[31mred\u{1b}[0m\r\u{8}",
        "\u{feff}mark",
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{1F426}\u{200D}\u{2B1B}",
        "שלום \u{202E}evil\u{202C} سلام",
        "e\u{301} é",
        "\u{fffd}\u{10ffff}\u{d7ff}\u{e000}",
        "%_\\'\"; DROP TABLE runs; --",
        "\t\n\u{2028}\u{2029}",
        &longest,
    ];
    append(store, &run, &odd).await;
    let entries = all(store, &run).await;
    for (entry, text) in entries.iter().zip(odd) {
        assert!(entry.text == text, "{text:?} became {:?}", entry.text);
    }
    assert_eq!(entries.len(), odd.len());
}

pub async fn a_run_that_printed_nothing_has_an_empty_log(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let run = store.enqueue(&ada(), request(id)).await.unwrap();
    assert_eq!(all(store, &run).await, []);
    assert_eq!(refused(store.logs(&ada(), run_id(), 0, 10).await), ErrorCode::NotFound);
}

pub async fn a_batch_is_answered_in_order_and_a_lost_claim_spoils_no_other(test: StoreUnderTest) {
    let store = &*test.store;
    let (one, done, two) = (running(store, &ada()).await, running(store, &ada()).await, running(store, &ada()).await);
    store.finish(finish(&done, success(), at(1))).await.unwrap();
    let of = |run: &Run, text: &str| AppendLogs { held: held(run), lines: vec![line(text)] };
    let batch = vec![of(&one, "a"), of(&done, "late"), of(&two, "b"), of(&one, "c")];
    assert_eq!(store.append_logs(batch).await.unwrap(), [true, false, true, true]);
    assert_eq!(texts(&all(store, &one).await), ["a", "c"]);
    assert_eq!(texts(&all(store, &two).await), ["b"]);
    assert_eq!(all(store, &done).await, []);
    assert_eq!(store.append_logs(vec![]).await.unwrap(), Vec::<bool>::new());
}

pub async fn concurrent_appends_lose_and_mix_nothing(test: StoreUnderTest) {
    let mut runs = Vec::new();
    for _ in 0..16 {
        runs.push(running(&*test.store, &ada()).await);
    }
    let mut writers = JoinSet::new();
    for run in &runs {
        let (store, run) = (Arc::clone(&test.store), run.clone());
        writers.spawn(async move {
            for number in 0..20 {
                append(&*store, &run, &[&format!("{} {number}", run.id), "second"]).await;
            }
        });
    }
    writers.join_all().await;
    for run in runs {
        let entries = all(&*test.store, &run).await;
        assert!(entries.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        let expected: Vec<String> =
            (0..20).flat_map(|number| [format!("{} {number}", run.id), "second".to_owned()]).collect();
        assert_eq!(texts(&entries), expected);
    }
}
