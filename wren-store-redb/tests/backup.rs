//! What a redb store is held to that is copied and backed up whole.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use wren_conformance::store::whole;
use wren_store_redb::RedbStore;

async fn open(folder: &tempfile::TempDir, name: &str) -> RedbStore {
    RedbStore::open_path(folder.path().join(name)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_sees_nothing_that_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, "one.redb").await;
    whole::a_snapshot_sees_nothing_that_is_written_later(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_store_makes_another_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (open(&folder, "from.redb").await, open(&folder, "to.redb").await);
    whole::a_backup_of_a_store_makes_another_the_same(&from, &to, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (open(&folder, "from.redb").await, open(&folder, "to.redb").await);
    whole::a_backup_that_is_not_whole_is_refused(&from, &to, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_earlier_version_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, "one.redb").await;
    whole::a_backup_of_an_earlier_version_is_restored(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_store_is_neither_backed_up_nor_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (half, to) = (open(&folder, "half.redb").await, open(&folder, "to.redb").await);
    whole::half_a_store_is_neither_backed_up_nor_copied(&half, &to, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_can_be_restored_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (open(&folder, "from.redb").await, open(&folder, "to.redb").await);
    whole::a_backup_can_be_restored_in_part(&from, &to, folder.path()).await;
}
