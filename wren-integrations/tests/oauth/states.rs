//! States: kept as hashes, taken once, and of one owner and one integration.

use rendezvous::Rendezvous;
use secrecy::ExposeSecret as _;
use wren_core::ErrorCode;
use wren_core::store::Namespace;
use wren_integrations::Callback;

use super::*;

/// Asserts that a state opens nothing, and that no provider was asked.
async fn opens_nothing(platform: &Platform, callback: Callback, owner: Option<&OwnerId>, at: DateTime<Utc>) {
    let calls = platform.provider.calls().len();
    let state = callback.state.clone();
    let error = refused(platform.flows.finish(callback, owner, at).await);
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert!(error.hint().unwrap().contains("begin again"));
    let state = state.expose_secret();
    assert!(state.is_empty() || !told(&error).contains(state));
    assert_eq!(platform.provider.calls().len(), calls);
}

#[tokio::test]
async fn a_state_works_once() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    platform.flows.finish(callback.clone(), Some(&ada()), now()).await.unwrap();
    opens_nothing(&platform, callback, Some(&ada()), now()).await;
}

#[tokio::test]
async fn of_two_who_bring_a_state_at_once_one_goes_on() {
    let store = Arc::new(Rendezvous::new());
    let platform = Platform::start_with(Manner::Google, store, PATIENT, |client| client).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    let finish = || platform.flows.finish(callback.clone(), None, now());
    let (one, two) = tokio::join!(finish(), finish());
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(won.unwrap().0, ada());
    assert_eq!(refused(lost).code(), ErrorCode::InvalidRequest);
    assert_eq!(platform.provider.calls().len(), 1);
}

#[tokio::test]
async fn a_state_ends_after_ten_minutes() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    opens_nothing(&platform, callback, Some(&ada()), now() + TimeDelta::minutes(10)).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    let last = now() + TimeDelta::minutes(10) - TimeDelta::seconds(1);
    assert!(platform.flows.finish(callback, Some(&ada()), last).await.is_ok());
}

#[tokio::test]
async fn a_state_that_nobody_was_given_opens_nothing() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let cut = visit.state[..42].to_owned();
    for state in [String::new(), "x".repeat(43), cut, visit.state.to_uppercase(), "y".repeat(100_000)] {
        opens_nothing(&platform, Callback::with_code("gmail", state.clone(), visit.code.clone()), None, now()).await;
        opens_nothing(&platform, Callback::with_error("gmail", state, "access_denied"), None, now()).await;
    }
    // What was tried did no harm to the flow that is open.
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    assert!(platform.flows.finish(callback, None, now()).await.is_ok());
}

#[tokio::test]
async fn a_state_of_another_owner_opens_nothing_and_is_spent() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    let bob = OwnerId::new("bob").unwrap();
    opens_nothing(&platform, callback.clone(), Some(&bob), now()).await;
    opens_nothing(&platform, callback, Some(&ada()), now()).await;
}

#[tokio::test]
async fn a_state_of_another_integration_opens_nothing_and_is_spent() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let slack = Callback::with_code("slack", visit.state.clone(), visit.code.clone());
    opens_nothing(&platform, slack, Some(&ada()), now()).await;
    opens_nothing(&platform, Callback::with_code("gmail", visit.state, visit.code), Some(&ada()), now()).await;
}

#[tokio::test]
async fn without_a_caller_who_knows_the_owner_the_state_tells_it() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    assert_eq!(platform.flows.finish(callback, None, now()).await.unwrap().0, ada());
}

#[tokio::test]
async fn a_reader_of_the_store_finds_no_state() {
    let store = Arc::new(MemoryStore::new());
    let platform = Platform::start_with(Manner::Google, store.clone(), PATIENT, |client| client).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let kept = store.records(&Namespace::system("oauth"), "", None, 10, now()).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].expires_at, Some(now() + TimeDelta::minutes(10)));
    assert_eq!((kept[0].key.len(), kept[0].key.contains(&visit.state)), (64, false));
    assert!(!String::from_utf8_lossy(&kept[0].value).contains(&visit.state));
    let callback = Callback::with_code("gmail", kept[0].key.clone(), visit.code);
    opens_nothing(&platform, callback, None, now()).await;
    assert!(!format!("{:?}", platform.flows).contains(&visit.state));
}
