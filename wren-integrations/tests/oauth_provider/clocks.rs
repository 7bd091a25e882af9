//! A platform whose clock is not the provider's.

use super::*;

#[tokio::test]
async fn a_clock_that_is_an_hour_off_changes_nothing() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    for off in [-LIFETIME, LIFETIME] {
        let now = world.start + off;
        world.connect(&process, now).await;
        let asked = world.provider.grants().requests;
        assert!(world.takes(&process.access(now).await.unwrap()));
        assert_eq!(world.provider.grants().requests, asked, "the token is new by this clock");
        assert!(world.takes(&process.access(now + LIFETIME).await.unwrap()));
        assert_eq!(world.provider.grants().requests, asked + 1);
    }
}

#[tokio::test]
async fn a_clock_that_falls_back_has_tokens_renewed_when_they_are_refused() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    // An hour on at the provider, where the token has ended; here it is an hour earlier than it was.
    world.provider.end_access_tokens();
    let now = world.start - LIFETIME;
    let ended = process.access(now).await.unwrap();
    assert!(!world.takes(&ended), "by this clock it has two hours left");
    let next = process.renew(&ended, now).await.unwrap();
    assert!(world.takes(&next));
    assert_eq!(process.access(now).await.unwrap().expose_secret(), next.expose_secret());
    assert_eq!(world.refreshes(), (1, 0));
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_has_tokens_renewed_early() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let now = world.start + LIFETIME;
    let next = process.access(now).await.unwrap();
    assert!(world.takes(&next));
    // Back at the right time the new token looks good for two hours, of which it is good for one.
    world.provider.end_access_tokens();
    let ended = process.access(world.start).await.unwrap();
    assert_eq!(ended.expose_secret(), next.expose_secret());
    assert!(world.takes(&process.renew(&ended, world.start).await.unwrap()));
    assert_eq!(world.refreshes(), (2, 0));
}
