//! What a store is held to that can be copied and backed up whole. Not part of the suite, whose stores need not be: the tests of such a
//! store call these by themselves.

use std::path::Path;

use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::model::{Completion, DeploymentStatus, Run};
use wren_core::store::{
    EnqueueRun, Expect, FinishOptions, Namespace, Portable, PutOptions, RecordFires, RestoreOptions, copy,
    create_backup, restore_backup, restore_backup_as, unfinished_copy, verify_backup,
};

use super::steps::{claimed, deploy, minutely, read, refused, running};
use crate::fixtures::{ada, at, bob, failure, finish, fire, line, on_email, request, success};

/// Fills a store with a bit of everything, in every state; returns a run that succeeded.
async fn fill(store: &dyn Portable) -> Run {
    let trigger = minutely(store, &ada(), "daily").await;
    deploy(store, &bob(), "mail", vec![on_email("mail")]).await;
    store.record_fires(RecordFires::new(vec![fire(&trigger, at(60))], at(60))).await.unwrap();
    let mut deep = json!({"tiny": 0.1 + 0.2, "large": 1e300, "text": "\u{0} \u{2603}"});
    // As deep as a parser takes, with what comes around it.
    for _ in 0..120 {
        deep = json!([deep]);
    }
    let id = deploy(store, &ada(), "once", vec![]).await.deployment.id;
    let asked = EnqueueRun { payload: Some(deep), ..request(id) };
    let asked = store.enqueue(&ada(), asked).await.unwrap();
    let run = claimed(store, asked.id).await;
    let end = FinishOptions { logs: vec![line("one"), line("two \u{0}")], ..finish(&run, success(), at(5)) };
    let run = store.finish(end).await.unwrap();
    let old = running(store, &ada()).await;
    let end = FinishOptions { logs: vec![line("gone")], ..finish(&old, success(), at(1)) };
    store.finish(end).await.unwrap();
    assert_eq!(store.prune_logs(None, at(2), 10).await.unwrap().runs, 1);
    // As deep as details can be read of every store.
    let mut deep = json!("deep");
    for _ in 0..123 {
        deep = json!([deep]);
    }
    let mut error = failure("deep");
    error.details.insert("deep".to_owned(), deep);
    let failed = running(store, &ada()).await;
    store.finish(finish(&failed, Completion::Failed(error), at(3))).await.unwrap();
    running(store, &bob()).await;
    put(store, "stays", None).await;
    put(store, "ends", Some(100)).await;
    run
}

async fn put(store: &dyn Portable, key: &str, expires: Option<i64>) {
    let mut options = PutOptions::at(at(0));
    options.expires_at = expires.map(at);
    let value = vec![0, 159, 146, 150].into();
    store.put_record(&Namespace::owned(&ada(), "state"), key, value, options).await.unwrap();
}

async fn has(store: &dyn Portable, key: &str) -> bool {
    store.record(&Namespace::owned(&ada(), "state"), key, at(1)).await.unwrap().is_some()
}

/// A snapshot reads what stood when it was taken, whatever is written afterwards, and writes nothing.
pub async fn a_snapshot_sees_nothing_that_is_written_later(store: &dyn Portable) {
    put(store, "before", None).await;
    let snapshot = store.snapshot().await.unwrap();
    put(store, "after", None).await;
    store.delete_record(&Namespace::owned(&ada(), "state"), "before", Expect::Any, at(1)).await.unwrap();
    let deployed = deploy(store, &ada(), "later", vec![]).await.deployment;
    for _ in 0..3 {
        assert!(has(&*snapshot, "before").await && !has(&*snapshot, "after").await);
        assert_eq!(refused(snapshot.deployment(&ada(), deployed.id).await), ErrorCode::NotFound);
        assert!(snapshot.all_deployments(None, 10).await.unwrap().is_empty());
        assert_eq!(snapshot.all_records(None, 10, at(1)).await.unwrap().len(), 1);
    }
    let written = snapshot.put_record(&Namespace::system("x"), "x", vec![1].into(), PutOptions::at(at(1))).await;
    assert_eq!(refused(written), ErrorCode::StoreUnavailable);
    assert!(!has(store, "before").await && has(store, "after").await);
    // Another one is of its own moment.
    assert!(has(&*store.snapshot().await.unwrap(), "after").await);
}

/// A backup holds all of a store, one of every technology, and makes an empty store the same.
pub async fn a_backup_of_a_store_makes_another_the_same(from: &dyn Portable, to: &dyn Portable, folder: &Path) {
    let run = fill(from).await;
    let file = folder.join("whole.backup");
    let made = create_backup(from, &file, at(50), &mut |_| {}).await.unwrap();
    assert_eq!(verify_backup(&file).unwrap(), made);
    assert_eq!((made.format, made.pieces.runs), (2, 5));
    assert_eq!(std::fs::metadata(&file).unwrap().len(), made.bytes);
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{names:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(refused(create_backup(from, &file, at(50), &mut |_| {}).await), ErrorCode::Conflict);
    assert_eq!(refused(restore_backup(&file, from, at(50), &mut |_| {}).await), ErrorCode::Conflict);

    // While a server says there that it runs nothing is restored.
    let node = PutOptions::at(at(0)).expiring(at(150));
    to.put_record(&Namespace::system("nodes"), "node/one", vec![1].into(), node).await.unwrap();
    let served = restore_backup(&file, to, at(100), &mut |_| {}).await.unwrap_err();
    assert_eq!((served.code(), served.message()), (ErrorCode::Conflict, "a server runs on the target"));

    let restored = restore_backup(&file, to, at(200), &mut |_| {}).await.unwrap();
    assert_eq!(restored.pieces.runs, made.pieces.runs);
    assert_eq!(restored.pieces.records + 1, made.pieces.records, "what has expired since is not restored");
    assert_eq!(unfinished_copy(to, at(200)).await.unwrap(), None);
    let read = read(to, &run).await;
    assert_eq!(read.payload.as_ref().map(Value::to_string), run.payload.as_ref().map(Value::to_string));
    assert_eq!(read, run);
    let (before, after) = (from.logs(&ada(), run.id, 0, 10).await, to.logs(&ada(), run.id, 0, 10).await);
    assert_eq!(after.unwrap(), before.unwrap());
    // Made anew of the copy it is the same content, to the last bit.
    let again = folder.join("again.backup");
    let again = create_backup(to, &again, at(200), &mut |_| {}).await.unwrap();
    assert_eq!(again.pieces, restored.pieces);
    assert_eq!(refused(restore_backup(&file, to, at(200), &mut |_| {}).await), ErrorCode::Conflict);
}

/// A restore may leave records out and pause what would fire; everything else is as it was.
pub async fn a_backup_can_be_restored_in_part(from: &dyn Portable, to: &dyn Portable, folder: &Path) {
    fill(from).await;
    let file = folder.join("whole.backup");
    let made = create_backup(from, &file, at(50), &mut |_| {}).await.unwrap();
    let mut options = RestoreOptions::default();
    options.left_out = vec![Namespace::owned(&ada(), "state")];
    options.paused = Some("looking".to_owned());
    let restored = restore_backup_as(&file, to, &options, at(50), &mut |_| {}).await.unwrap();
    assert_eq!(restored.pieces.runs, made.pieces.runs);
    assert_eq!(restored.pieces.records + 2, made.pieces.records);
    assert!(!has(to, "stays").await);
    for (owner, id) in to.all_deployments(None, 100).await.unwrap() {
        let deployment = to.deployment(&owner, id).await.unwrap().deployment;
        assert_eq!(deployment.status, DeploymentStatus::Paused);
        assert_eq!(deployment.status_reason.as_deref(), Some("looking"));
    }
}

/// What was taken of half a store would pass for the whole, so nothing is.
pub async fn half_a_store_is_neither_backed_up_nor_copied(half: &dyn Portable, to: &dyn Portable, folder: &Path) {
    fill(half).await;
    let progress = json!({"from": "backup x", "copied": false, "pieces": {"deployments": 1, "runs": 0, "records": 0}});
    let (space, value) = (Namespace::system("copy"), progress.to_string().into_bytes().into());
    half.put_record(&space, "progress", value, PutOptions::at(at(0))).await.unwrap();
    let file = folder.join("half.backup");
    let error = create_backup(half, &file, at(50), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict, "{}", error.chain());
    assert!(error.message().contains("backup x") && error.hint().is_some(), "{}", error.chain());
    let mut names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.any(|name| name.to_string_lossy().contains("half.backup")));
    assert_eq!(refused(copy(half, to, "half", at(50), &mut |_| {}).await), ErrorCode::Conflict);
    assert_eq!(unfinished_copy(to, at(50)).await.unwrap(), None, "nothing was begun");
}

/// Of a backup that is not as it was written nothing is restored: cut off anywhere, changed in any bit, or longer.
pub async fn a_backup_that_is_not_whole_is_refused(from: &dyn Portable, to: &dyn Portable, folder: &Path) {
    fill(from).await;
    let file = folder.join("whole.backup");
    create_backup(from, &file, at(50), &mut |_| {}).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let broken = folder.join("broken.backup");
    let is_refused = |bytes: &[u8], what: &str| {
        std::fs::write(&broken, bytes).unwrap();
        let error = verify_backup(&broken).expect_err(what);
        assert_eq!(error.code(), ErrorCode::InvalidRequest, "{what}: {}", error.chain());
        assert!(error.hint().is_some(), "{what}");
    };
    // Not every place, which takes long: some hundred, and all around the ends.
    let step = (whole.len() / 300).max(1);
    let places = (0..whole.len()).filter(|at| at % step == 0 || *at < 120 || whole.len() - at < 220);
    for place in places {
        is_refused(&whole[..place], &format!("cut off at {place} of {}", whole.len()));
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        is_refused(&flipped, &format!("flipped at {place} of {}", whole.len()));
    }
    is_refused(&[&whole[..], b"\n"].concat(), "longer by a line");
    is_refused(&[&whole[..], &whole[..]].concat(), "there twice");
    // A line less, with everything else as it was.
    let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    lines.remove(2);
    is_refused(&lines.concat(), "without a line");
    let later = String::from_utf8_lossy(&whole).replacen("{\"wren_backup\":2,", "{\"wren_backup\":3,", 1);
    is_refused(later.as_bytes(), "of a later format");
    assert!(verify_backup(&broken).unwrap_err().message().contains("format is 3"));
    assert_eq!(refused(verify_backup(&folder.join("nowhere"))), ErrorCode::NotFound);

    assert_eq!(refused(restore_backup(&broken, to, at(50), &mut |_| {}).await), ErrorCode::InvalidRequest);
    assert!(to.all_deployments(None, 1).await.unwrap().is_empty());
    assert!(to.all_records(None, 1, at(50)).await.unwrap().is_empty(), "nothing is written of a broken backup");
}

/// What an earlier version wrote is restored: `format_1.backup` was written by the first one that wrote backups, and is never written
/// anew.
pub async fn a_backup_of_an_earlier_version_is_restored(to: &dyn Portable) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/format_1.backup");
    let restored = restore_backup(&file, to, at(200), &mut |_| {}).await.unwrap();
    assert_eq!(restored.backup.format, 1);
    assert_eq!((restored.pieces.deployments, restored.pieces.runs, restored.pieces.records), (5, 4, 1));
    let mut all = Vec::new();
    for (owner, id) in to.all_runs(None, 10).await.unwrap() {
        all.push((to.run(&owner, id).await.unwrap().0, to.logs(&owner, id, 0, 10).await.unwrap().len()));
    }
    assert_eq!(all.iter().filter(|(run, lines)| run.logs_pruned && *lines == 0).count(), 1);
    assert_eq!(all.iter().filter(|(run, lines)| run.payload.is_some() && *lines == 2).count(), 1);
}
