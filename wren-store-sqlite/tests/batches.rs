//! Callers that share a transaction share its fate only where the disk or the lock decides it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use support::plain;
use wren_conformance::fixtures::{ada, at, claim, every_minute, fire, limits, revision};
use wren_core::ErrorCode;
use wren_core::store::{
    ClaimOptions, DeploymentStore, Disposition, Fire, Namespace, PutOptions, RecordFires, RecordStore, RunStore,
};
use wren_store_sqlite::{SqliteOptions, SqliteStore};

#[tokio::test]
async fn what_the_database_refuses_fails_its_own_caller_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_path(folder.path().join("wren.db")).await.unwrap();
    let trigger =
        store.put_revision(&ada(), revision("batch", vec![every_minute("main")])).await.unwrap().triggers.remove(0);
    let first = fire(&trigger, at(60));
    store.record_fires(RecordFires::new(vec![first.clone()], at(60))).await.unwrap();

    // The fifth takes the id of a run that exists, under another key: no caller of ours does, and no table allows it.
    let calls = (2..12).map(|minute| {
        let due = at(minute * 60);
        let taken = Fire { run_id: first.run_id, ..fire(&trigger, due) };
        let fires = if minute == 6 { vec![taken] } else { vec![fire(&trigger, due)] };
        store.record_fires(RecordFires::new(fires, due))
    });
    let answers = join_all(calls).await;
    for (place, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(fired) => assert_eq!(fired[0].disposition, Disposition::Queued),
            Err(error) => assert_eq!((place, error.code()), (4, ErrorCode::Internal), "{}", error.chain()),
        }
    }
    let claimed = store.claim(claim(at(3600))).await.unwrap();
    assert_eq!(claimed.runs.len(), 10);
}

#[tokio::test]
async fn workers_that_claim_at_once_share_the_queue_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_path(folder.path().join("wren.db")).await.unwrap();
    let trigger =
        store.put_revision(&ada(), revision("share", vec![every_minute("main")])).await.unwrap().triggers.remove(0);
    let fires = (1..=10).map(|minute| fire(&trigger, at(minute * 60))).collect();
    store.record_fires(RecordFires::new(fires, at(600))).await.unwrap();

    // Each asks for two at its own time: the first five minutes are due for all, the sixth for the last two only.
    let claims =
        [300, 301, 360, 359, 361].map(|seconds| store.claim(ClaimOptions { limits: limits(2), ..claim(at(seconds)) }));
    let claimed = join_all(claims).await;
    let mut runs: Vec<_> = claimed.iter().flat_map(|answer| &answer.as_ref().unwrap().runs).collect();
    runs.sort_by_key(|run| run.id);
    runs.dedup_by_key(|run| run.id);
    assert_eq!(runs.len(), 6, "every due run was handed out, and once");
    for (answer, seconds) in claimed.into_iter().zip([300, 301, 360, 359, 361]) {
        let answer = answer.unwrap();
        assert!(answer.runs.iter().all(|run| run.not_before <= at(seconds)));
        assert_eq!(answer.next_at, Some(if seconds < 360 { at(360) } else { at(420) }));
    }
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_is_waited_for_and_then_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    let options = SqliteOptions::new(&file).with_busy_timeout(Duration::from_millis(50));
    let store = SqliteStore::open(options).await.unwrap();
    let space = Namespace::system("locked");
    let put = || store.put_record(&space, "key", Bytes::new(), PutOptions::at(at(0)));

    let mut other = plain(&file).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = put().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable);
    assert!(error.retryable() && error.hint().is_some());
    assert!(store.record(&space, "key", at(0)).await.unwrap().is_none(), "readers wait for nobody");

    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    put().await.unwrap();
}
