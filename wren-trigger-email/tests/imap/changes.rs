//! Mailboxes that change behind the source's back, and triggers that come and go.

use std::time::Duration;

use wren_core::ErrorCode;
use wren_core::source::WatchState;

use crate::support::{USER, World, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_numbered_anew_fires_what_is_new_and_nothing_twice() {
    let Some(mut world) = World::start().await else { return };
    world.deliver("old");
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    for name in ["a", "b", "c"] {
        world.deliver(name);
    }
    world.sink.until(3).await;
    running.stop().await;

    // While nobody watches.
    world.server.stop();
    world.server.maildirs().reset_uidvalidity(USER, "INBOX");
    world.deliver("d");
    world.server.start_again();
    let running = world.watching(|_| {}).await;
    assert_eq!(world.sink.until(4).await[3], "d");

    // While it is watched.
    world.server.kill();
    world.server.maildirs().reset_uidvalidity(USER, "INBOX");
    world.deliver("e");
    world.server.start_again();
    assert_eq!(world.sink.until(5).await[4], "e");
    world.deliver("f");
    assert_eq!(sorted(world.sink.until(6).await), ["a", "b", "c", "d", "e", "f"]);
    running.stop().await;
    assert_eq!(world.sink.emitted(), 6, "nothing was emitted twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_deleted_needs_attention_until_it_is_made_again() {
    let Some(world) = World::start().await else { return };
    world.server.maildirs().create(USER, "Work");
    world.sink.add("Work");
    let running = world.watching(|options| options.poll = Duration::from_millis(100)).await;
    world.deliver_to("Work", "before");
    world.sink.until(1).await;
    world.server.maildirs().remove(USER, "Work");
    let health = running.health("the loss", |health| health.state == WatchState::NeedsAttention).await;
    let error = health.last_error.unwrap();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.message.contains("`Work`") && error.hint.unwrap().contains("make the mailbox"));
    world.deliver_to("Work", "after");
    assert_eq!(world.sink.until(2).await, ["before", "after"]);
    running.idle().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_no_trigger_names_for_a_while_begins_at_its_end_again() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    world.deliver("wanted");
    world.sink.until(1).await;
    running.idle().await;
    world.sink.triggers.lock().clear();
    running.source.health_until(|all| all.is_empty()).await;
    // The source is done with it when the lease is free.
    let records = || {
        let namespace = wren_core::store::Namespace::owned(&crate::support::owner(), "email/leases");
        let store = world.store.clone();
        async move {
            use wren_core::store::RecordStore as _;
            store.record(&namespace, "imap", chrono::Utc::now()).await.unwrap()
        }
    };
    while records().await.is_some() {
        tokio::task::yield_now().await;
    }
    world.deliver("unwanted");
    world.sink.add("INBOX");
    running.idle().await;
    world.deliver("wanted again");
    assert_eq!(world.sink.until(2).await, ["wanted", "wanted again"]);
    running.stop().await;
}
