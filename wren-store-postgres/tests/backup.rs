//! What a PostgreSQL store is held to that is copied and backed up whole.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use wren_conformance::store::whole;
use wren_store_postgres::PostgresStore;

async fn open() -> Option<PostgresStore> {
    Some(PostgresStore::open(support::fresh(support::server()?)).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_sees_nothing_that_is_written_later() {
    let Some(store) = open().await else { return };
    whole::a_snapshot_sees_nothing_that_is_written_later(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_store_makes_another_the_same() {
    let (Some(from), Some(to)) = (open().await, open().await) else { return };
    let folder = tempfile::tempdir().unwrap();
    whole::a_backup_of_a_store_makes_another_the_same(&from, &to, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused() {
    let (Some(from), Some(to)) = (open().await, open().await) else { return };
    let folder = tempfile::tempdir().unwrap();
    whole::a_backup_that_is_not_whole_is_refused(&from, &to, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_earlier_version_is_restored() {
    let Some(store) = open().await else { return };
    whole::a_backup_of_an_earlier_version_is_restored(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_store_is_neither_backed_up_nor_copied() {
    let (Some(half), Some(to)) = (open().await, open().await) else { return };
    let folder = tempfile::tempdir().unwrap();
    whole::half_a_store_is_neither_backed_up_nor_copied(&half, &to, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_can_be_restored_in_part() {
    let (Some(from), Some(to)) = (open().await, open().await) else { return };
    let folder = tempfile::tempdir().unwrap();
    whole::a_backup_can_be_restored_in_part(&from, &to, folder.path()).await;
}
