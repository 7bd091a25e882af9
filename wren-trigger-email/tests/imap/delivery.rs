//! What fires.

use std::time::Duration;

use wren_core::source::WatchState;

use crate::support::{USER, World, mail, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_mail_fires_each_trigger_once_and_an_old_one_never() {
    let Some(world) = World::start().await else { return };
    world.deliver("old");
    let (first, second) = (world.sink.add("INBOX"), world.sink.add("inbox"));
    let running = world.watching(|_| {}).await;
    world.deliver("new");
    assert_eq!(world.sink.until(2).await, ["new", "new"]);
    let events = world.sink.events();
    let fired: Vec<_> = events.iter().map(|event| event.trigger_id).collect();
    assert!(fired.contains(&first) && fired.contains(&second));
    assert_eq!(events[0].dedupe_key, events[1].dedupe_key);
    assert_eq!((&events[0].payload["mailbox"], &events[0].payload["truncated"]), (&"INBOX".into(), &false.into()));
    running.stop().await;

    // Another source goes on where it stopped, with what came meanwhile.
    world.deliver("meanwhile");
    let running = world.watching(|_| {}).await;
    assert_eq!(world.sink.until(4).await[2..], ["meanwhile", "meanwhile"]);
    running.stop().await;
    assert_eq!(world.sink.emitted(), 4, "nothing was emitted twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_wakes_it_without_a_poll() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    // It polls once an hour: whatever comes sooner, the server told.
    let running = world.watching(|options| options.poll = Duration::from_secs(60 * 60)).await;
    for number in 1..=5 {
        world.deliver(&format!("mail-{number}"));
        world.sink.until(number).await;
    }
    let health = running.health("it to idle again", |health| health.state == WatchState::Idle).await;
    assert_eq!((health.watched.account.as_str(), health.watched.place.as_str(), health.failures), ("imap", "INBOX", 0));
    assert!(health.last_event.is_some() && health.last_success.is_some() && health.last_error.is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_mail_that_is_too_large_the_header_fires_and_says_so() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.watching(|options| options.mail_bytes = 2_000).await;
    let large = format!("{}{}", mail("large"), "A long text.\n".repeat(1_000));
    world.server.maildirs().deliver(USER, "INBOX", large);
    world.deliver("small");
    assert_eq!(sorted(world.sink.until(2).await), ["large", "small"]);
    for event in world.sink.events() {
        let is_large = event.payload["subject"] == "large";
        assert_eq!(event.payload["truncated"], is_large, "{:?}", event.payload);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_are_gone_before_they_are_read_are_left_out() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    running.stop().await;
    for number in 0..10 {
        world.deliver(&format!("mail-{number}"));
    }
    // Every mail is read alone, after all have been listed: they go between the first and the second.
    let homes = world.server.maildirs().clone();
    *world.sink.hook.lock() = Some(Box::new(move || assert!(homes.expunge(USER, "INBOX") > 0)));
    let running = world.watching(|options| options.mail_bytes = 150).await;
    world.deliver("after");
    assert_eq!(world.sink.until(2).await, ["mail-0", "after"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_of_several_mailboxes_fire_the_triggers_of_each() {
    let Some(world) = World::start().await else { return };
    let names = ["INBOX", "Work", "\u{dc}bersicht & mehr"];
    world.server.maildirs().create(USER, "Work");
    world.server.maildirs().create(USER, "&ANw-bersicht &- mehr");
    let triggers = names.map(|name| world.sink.add(name));
    let running = world.run(world.source(|_| {}));
    for name in names {
        running.health(name, |health| health.watched.place == name && health.state == WatchState::Idle).await;
    }
    world.deliver("a");
    world.deliver_to("Work", "b");
    world.deliver_to("&ANw-bersicht &- mehr", "c");
    world.sink.until(3).await;
    for (trigger, subject) in triggers.into_iter().zip(["a", "b", "c"]) {
        let events = world.sink.events();
        let fired: Vec<_> = events.iter().filter(|event| event.trigger_id == trigger).collect();
        assert_eq!(fired.len(), 1);
        assert_eq!(fired[0].payload["subject"], subject);
    }
    running.stop().await;
}
