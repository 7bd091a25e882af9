//! Several sources on one store.

use wren_core::source::WatchState;

use crate::support::{World, health};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_serves_an_account_and_the_other_takes_over_when_it_dies() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let first = world.watching(|_| {}).await;
    let second = world.run(world.source(|_| {}));
    second.health("it to wait", |health| health.state == WatchState::Elsewhere).await;
    world.deliver("one");
    world.sink.until(1).await;
    assert!(second.health("it", |_| true).await.last_success.is_none(), "the second has not looked");

    first.crash().await;
    world.deliver("two");
    assert_eq!(world.sink.until(2).await, ["one", "two"]);
    health(&second.source, "it to serve", |health| health.last_success.is_some()).await;

    // One that stops gives the account up at once.
    let third = world.run(world.source(|_| {}));
    third.health("it to wait", |health| health.state == WatchState::Elsewhere).await;
    second.stop().await;
    world.deliver("three");
    assert_eq!(world.sink.until(3).await, ["one", "two", "three"]);
    third.stop().await;
    assert_eq!(world.sink.emitted(), 3, "nothing was emitted twice");
}
