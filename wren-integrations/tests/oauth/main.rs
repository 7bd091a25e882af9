//! The OAuth flows against a provider on this machine that speaks as Google and Slack document theirs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod flow;
mod provider;
mod refresh;
mod rendezvous;
mod states;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use provider::{Manner, Provider};
use url::Url;
use wren_core::memory::MemoryStore;
use wren_core::store::RecordStore;
use wren_core::vault::NewCredential;
use wren_core::{Error, OwnerId, Result, WireError};
use wren_integrations::{Callback, Catalogue, OauthClient, OauthFlows, OauthOptions, OauthProviders, OauthRefresher};

/// In every secret of these tests, and in nothing else.
const CANARY: &str = "canary";
const CLIENT_ID: &str = "client:1 of/wren";
const CLIENT_SECRET: &str = "canary secret&=+%:";
/// More than any test needs, unless it waits for it.
const PATIENT: Duration = Duration::from_secs(60);

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

/// A platform and its one provider.
struct Platform {
    provider: Provider,
    flows: OauthFlows,
    refresher: OauthRefresher,
}

impl Platform {
    async fn start(manner: Manner) -> Self {
        Self::start_with(manner, Arc::new(MemoryStore::new()), PATIENT, |client| client).await
    }

    async fn start_with(
        manner: Manner,
        store: Arc<dyn RecordStore>,
        timeout: Duration,
        change: impl Fn(OauthClient) -> OauthClient,
    ) -> Self {
        let provider = Provider::start(manner).await;
        let client = || {
            let client = OauthClient::new(CLIENT_ID, CLIENT_SECRET.to_owned())
                .with_authorize_url(provider.url("/authorize?hd=example.com"))
                .with_token_url(provider.url("/token"));
            change(client)
        };
        let options = OauthOptions::new("https://wrens.ie", "https://docs.wrens.ie")
            .with_client("gmail", client())
            .with_client("slack", client())
            .with_timeout(timeout);
        assert!(!format!("{options:?}").contains(CANARY), "{options:?}");
        let providers = OauthProviders::new(&Catalogue::built_in().unwrap(), options).unwrap();
        let flows = OauthFlows::new(providers.clone(), store);
        Self { provider, flows, refresher: OauthRefresher::new(providers) }
    }

    async fn begin(&self, integration: &str) -> Url {
        self.flows.begin(&ada(), integration, &[], now()).await.unwrap()
    }

    /// A whole flow of a user who gives leave.
    async fn connect(&self, integration: &str) -> Result<NewCredential> {
        let visit = self.provider.consent(&self.begin(integration).await);
        let callback = Callback::with_code(integration, visit.state, visit.code);
        let (owner, credential) = self.flows.finish(callback, Some(&ada()), now()).await?;
        assert_eq!(owner, ada());
        assert!(!format!("{credential:?}").contains(CANARY), "{credential:?}");
        Ok(credential)
    }
}

/// Returns the error, which must tell no secret to anybody.
fn refused<T>(result: Result<T>) -> Error {
    let Err(error) = result else { panic!("it was not refused") };
    let told = told(&error);
    assert!(!told.contains(CANARY), "{told}");
    error
}

/// Everything that an error can tell.
fn told(error: &Error) -> String {
    let wire = serde_json::to_string(&WireError::from(error)).unwrap();
    format!("{error} {error:?} {} {wire}", error.chain())
}
