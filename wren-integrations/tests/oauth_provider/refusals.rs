//! Tokens that the provider takes back, and a client that it does not know.

use super::*;

#[tokio::test]
async fn what_was_revoked_needs_the_user_and_asks_the_provider_once() {
    let Some(world) = World::start() else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    let revoked = processes[0].access(world.start).await.unwrap();
    world.provider.revoke();
    assert!(!world.takes(&revoked));
    asks_the_user(&processes[0].renew(&revoked, world.start).await.unwrap_err());
    assert_eq!(world.refreshes(), (0, 1));
    for process in &processes {
        for _ in 0..50 {
            asks_the_user(&process.renew(&revoked, world.start).await.unwrap_err());
            asks_the_user(&process.access(world.start + LIFETIME).await.unwrap_err());
        }
    }
    assert_eq!(world.provider.grants().requests, 2, "the code, and one refresh");

    // Connecting anew is all that it takes.
    world.connect(&processes[1], world.start).await;
    assert!(world.takes(&processes[0].access(world.start).await.unwrap()));
}

#[tokio::test]
async fn a_token_that_was_refused_and_is_not_renewed_has_ended_before_its_time() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let revoked = process.access(world.start).await.unwrap();
    world.provider.revoke();
    asks_the_user(&process.renew(&revoked, world.start).await.unwrap_err());
    // By the time it was granted for it would be good for an hour.
    asks_the_user(&process.access(world.start).await.unwrap_err());
    let status = process.0.status(&ada(), "gmail", world.start).await.unwrap().unwrap();
    assert!(status.is_expired(world.start), "{status:?}");
}

#[tokio::test]
async fn a_token_that_is_good_is_used_to_its_end_though_the_next_one_is_refused() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let last = process.access(world.start).await.unwrap();
    world.provider.revoke();
    let soon = world.start + LIFETIME - TimeDelta::seconds(30);
    // Nobody has refused this token: the refresh was only to be early.
    for _ in 0..10 {
        assert_eq!(process.access(soon).await.unwrap().expose_secret(), last.expose_secret());
    }
    assert_eq!(world.refreshes(), (0, 1));
    asks_the_user(&process.access(world.start + LIFETIME).await.unwrap_err());
    assert_eq!(world.refreshes(), (0, 1));
}

#[tokio::test]
async fn a_client_secret_that_is_wrong_for_a_while_costs_nothing() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let wrong = providers(client(&world.provider, &world.proxy, "canary, but another"));
    let misled = world.process_with(wrong).await;
    let expiry = world.start + LIFETIME;
    let error = misled.access(expiry).await.unwrap_err();
    may_pass(&error);
    assert!(error.hint().unwrap().contains("client id and secret"));
    assert!(world.takes(&process.access(expiry).await.unwrap()));
    assert_eq!(world.refreshes(), (1, 0));
}
