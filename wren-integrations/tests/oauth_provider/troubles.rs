//! A provider that is away, and answers that are lost on the way.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use wren_conformance::servers::Fate;

use super::*;

#[tokio::test]
async fn while_the_provider_is_away_nothing_is_lost() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let first = process.access(world.start).await.unwrap();
    world.proxy.on_requests(|_| Fate::Close);
    let (soon, expiry) = (world.start + LIFETIME - TimeDelta::seconds(30), world.start + LIFETIME);
    // What is good for a moment is used; then there is an error that says that the same may work later.
    assert_eq!(process.access(soon).await.unwrap().expose_secret(), first.expose_secret());
    for _ in 0..3 {
        may_pass(&process.access(expiry).await.unwrap_err());
    }
    assert_eq!(process.version(expiry).await, 1);
    world.proxy.on_requests(|_| Fate::Pass);
    assert!(world.takes(&process.access(expiry).await.unwrap()));
    assert_eq!(world.refreshes(), (1, 0));
}

#[tokio::test]
async fn a_provider_that_died_is_no_reason_to_ask_the_user() {
    let Some(mut world) = World::start() else { return };
    // Without the proxy, so that nobody listens at the address.
    let direct = client(&world.provider, &world.proxy, world.provider.client_secret())
        .with_token_url(Url::parse(&world.provider.token_url()).unwrap());
    let process = world.process_with(providers(direct)).await;
    world.connect(&process, world.start).await;
    let expiry = world.start + LIFETIME;
    world.provider.stop();
    may_pass(&process.access(expiry).await.unwrap_err());
    let status = process.0.status(&ada(), "gmail", expiry).await.unwrap().unwrap();
    assert!(status.renewable && !status.is_expired(expiry));
    // Back, with everything forgotten: that is a reason.
    world.provider.start_again();
    asks_the_user(&process.access(expiry).await.unwrap_err());
    world.connect(&process, expiry).await;
    assert!(world.takes(&process.access(expiry).await.unwrap()));
}

#[tokio::test]
async fn an_answer_that_was_lost_ends_the_grant_and_is_not_asked_for_again_and_again() {
    let Some(world) = World::start() else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    let expiry = world.start + LIFETIME;
    // As when the process dies after the provider has answered, and before the answer is kept.
    world.proxy.on_answers(|_| Fate::Close);
    may_pass(&processes[0].access(expiry).await.unwrap_err());
    assert_eq!(world.refreshes(), (1, 0));
    world.proxy.on_answers(|_| Fate::Pass);
    // The old refresh token is all that is left, and the provider has seen it.
    for _ in 0..25 {
        for process in &processes {
            asks_the_user(&process.access(expiry).await.unwrap_err());
        }
    }
    assert_eq!(world.refreshes(), (1, 1));
    assert_eq!(world.provider.grants().requests, 3, "the code, the refresh that was lost, and one more");
    let status = processes[1].0.status(&ada(), "gmail", expiry).await.unwrap().unwrap();
    assert!(status.is_expired(expiry) && !status.renewable);

    world.connect(&processes[0], expiry).await;
    assert!(world.takes(&processes[1].access(expiry).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_during_a_refresh_loses_no_token() {
    let Some(world) = World::start() else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    let expiry = world.start + LIFETIME;
    // The provider has answered; before its answer is kept, every record is written anew under another key.
    world.proxy.on_answers({
        let (runtime, vault) = (Handle::current(), processes[1].0.clone());
        move |_| {
            assert_eq!(runtime.block_on(vault.rotate(expiry)).unwrap(), 1);
            Fate::Pass
        }
    });
    let token = processes[0].access(expiry).await.unwrap();
    assert!(world.takes(&token));
    assert_eq!(processes[1].access(expiry).await.unwrap().expose_secret(), token.expose_secret());
    // The refresh token that came with it is there as well.
    assert!(world.takes(&processes[1].access(expiry + LIFETIME).await.unwrap()));
    assert_eq!(world.refreshes(), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_while_the_provider_refuses_does_not_have_it_asked_again() {
    let Some(world) = World::start() else { return };
    let processes = [world.process().await, world.process().await];
    world.connect(&processes[0], world.start).await;
    let expiry = world.start + LIFETIME;
    world.provider.revoke();
    world.proxy.on_answers({
        let (runtime, vault) = (Handle::current(), processes[1].0.clone());
        move |_| {
            assert_eq!(runtime.block_on(vault.rotate(expiry)).unwrap(), 1);
            Fate::Pass
        }
    });
    for process in &processes {
        asks_the_user(&process.access(expiry).await.unwrap_err());
    }
    assert_eq!(world.refreshes(), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_caller_that_goes_away_during_a_refresh_loses_no_token() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    world.connect(&process, world.start).await;
    let expiry = world.start + LIFETIME;
    // The provider has answered; its answer waits until the caller is gone.
    let (answered, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    world.proxy.on_answers({
        let (answered, gone) = (answered.clone(), gone.clone());
        move |_| {
            answered.store(true, Ordering::SeqCst);
            while !gone.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            Fate::Pass
        }
    });
    let caller = tokio::spawn({
        let process = process.clone();
        async move { process.access(expiry).await }
    });
    while !answered.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    gone.store(true, Ordering::SeqCst);
    assert!(world.takes(&process.access(expiry).await.unwrap()));
    assert_eq!(world.refreshes(), (1, 0));
}
