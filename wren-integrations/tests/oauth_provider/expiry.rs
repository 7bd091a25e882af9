//! Tokens that end in the course of time, with one caller and with many.

use super::*;

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_then_used_by_all() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let first = process.access(world.start).await.unwrap();
    let soon = world.start + LIFETIME - TimeDelta::seconds(30);
    let second = process.access(soon).await.unwrap();
    assert_ne!(second.expose_secret(), first.expose_secret());
    assert_eq!(process.access(soon).await.unwrap().expose_secret(), second.expose_secret());
    assert!(world.takes(&second));
    assert_eq!(world.refreshes(), (1, 0));
}

#[tokio::test]
async fn refresh_tokens_that_work_once_carry_a_credential_through_a_year() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    for month in 1..=12 {
        let token = process.access(world.start + TimeDelta::days(30 * month)).await.unwrap();
        assert!(world.takes(&token));
    }
    assert_eq!(world.refreshes(), (12, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_callers_of_two_processes_at_the_expiry_refresh_once() {
    let Some(world) = World::start() else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    for round in 1..=3 {
        let expiry = world.start + LIFETIME * round;
        let token = at_once(&world, &processes, |process| async move { process.access(expiry).await }).await;
        assert!(world.takes(&token));
        assert_eq!(world.refreshes(), (u64::try_from(round).unwrap(), 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_callers_refresh_a_token_once_that_never_lasts_as_long_as_the_margin() {
    let Some(world) = World::start_with(options().with_access_token_seconds(30)) else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    let expiry = world.start + LIFETIME;
    let token = at_once(&world, &processes, |process| async move { process.access(expiry).await }).await;
    assert!(world.takes(&token));
    assert_eq!(world.refreshes(), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_callers_who_were_refused_at_once_refresh_once() {
    let Some(world) = World::start() else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    let refused = processes[0].access(world.start).await.unwrap();
    world.provider.end_access_tokens();
    assert!(!world.takes(&refused));
    let now = world.start;
    let renew = |process: Process| {
        let refused = refused.clone();
        async move { process.renew(&refused, now).await }
    };
    let token = at_once(&world, &processes, renew).await;
    assert!(world.takes(&token));
    assert_eq!(world.refreshes(), (1, 0));
    // The provider's resource saw the token that was refused, and the one that came for it.
    assert_eq!(world.provider.tokens_seen(), (1, 1));
}
