//! Flows of users through the provider's own pages.

use super::*;

#[tokio::test]
async fn a_user_connects_and_the_token_works() {
    for options in [options(), options().with_secret_in_body()] {
        let Some(world) = World::start_with(options) else { return };
        let process = world.process().await;
        world.connect(&process, world.start).await;
        let token = process.access(world.start).await.unwrap();
        assert_eq!(world.provider.account_of(token.expose_secret()).as_deref(), Some("ada"));
        let status = process.0.status(&ada(), "gmail", world.start).await.unwrap().unwrap();
        assert_eq!(status.scopes, SCOPES);
        assert_eq!((status.renewable, status.version), (true, 1));
        assert_eq!(status.expires_at, Some(world.start + LIFETIME));
        let grants = world.provider.grants();
        assert_eq!((grants.requests, grants.codes), (1, 1));
    }
}

#[tokio::test]
async fn of_an_identity_that_comes_with_the_token_nothing_is_kept() {
    let Some(world) = World::start() else { return };
    let process = world.process().await;
    // What makes the provider send an id token, too.
    let asked = ["openid", "offline_access", SCOPES[0]];
    let visit = world.visit(&world.begin(&asked, world.start).await);
    let (owner, credential) = world.flows.finish(visit.callback(), Some(&ada()), world.start).await.unwrap();
    assert!(credential.fields.is_empty());
    assert_eq!(credential.scopes, asked);
    process.0.put(&owner, credential, world.start).await.unwrap();
    let error = process.0.access_field(&ada(), "gmail", "id_token", purpose(), world.start).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    // Refreshes bring one as well, and keep the scopes.
    let later = world.start + LIFETIME;
    assert!(world.takes(&process.access(later).await.unwrap()));
    assert_eq!(process.0.status(&ada(), "gmail", later).await.unwrap().unwrap().scopes, asked);
}

#[tokio::test]
async fn a_user_who_does_not_agree_is_told_where_to_begin_again() {
    let Some(world) = World::start() else { return };
    world.provider.set_leave(false);
    let visit = world.visit(&world.begin(&[], world.start).await);
    assert_eq!((visit.error.as_deref(), &visit.code), (Some("access_denied"), &None));
    let error = world.flows.finish(visit.callback(), Some(&ada()), world.start).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert_eq!(error.action_url(), Some("https://wrens.ie/integrations/gmail/setup"));
    assert_eq!(world.provider.grants().requests, 0);
}

#[tokio::test]
async fn a_state_that_is_forged_used_or_of_another_opens_nothing_and_asks_nobody() {
    let Some(world) = World::start() else { return };
    let bob = OwnerId::new("bob").unwrap();
    let refused = async |callback: Callback, owner: &OwnerId| {
        let error = world.flows.finish(callback, Some(owner), world.start).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
        silent(&error);
    };
    let visit = world.visit(&world.begin(&[], world.start).await);
    let code = visit.code.clone().unwrap();
    refused(Callback::with_code("gmail", "f".repeat(43), code), &ada()).await;
    assert_eq!(world.provider.grants().requests, 0);
    // What was forged did no harm to the flow that is open, which is open once.
    world.flows.finish(visit.callback(), Some(&ada()), world.start).await.unwrap();
    refused(visit.callback(), &ada()).await;
    assert_eq!(world.provider.grants().requests, 1);
    // A state that came with another owner is spent.
    let visit = world.visit(&world.begin(&[], world.start).await);
    refused(visit.callback(), &bob).await;
    refused(visit.callback(), &ada()).await;
    assert_eq!(world.provider.grants().requests, 1);
}

#[tokio::test]
async fn a_code_of_one_flow_is_worth_nothing_in_another() {
    let Some(world) = World::start() else { return };
    let stolen = world.visit(&world.begin(&[], world.start).await);
    let visit = world.visit(&world.begin(&[], world.start).await);
    let callback = Callback::with_code("gmail", visit.state, stolen.code.clone().unwrap());
    // The verifier of this flow is not the one that the provider saw the challenge of.
    let error = world.flows.finish(callback, Some(&ada()), world.start).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert_eq!(error.details()["reason"], "invalid_grant");
    assert_eq!(world.provider.grants().codes, 0);
}
