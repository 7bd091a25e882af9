//! The OAuth flows and the vault against a real provider, which rotates refresh tokens and ends the whole grant when it sees
//! one twice. It counts what it was asked; those counts are what the tests trust.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod clocks;
mod expiry;
mod flow;
mod refusals;
mod rendezvous;
mod troubles;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rendezvous::Rendezvous;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;
use url::Url;
use wren_conformance::servers::{OidcOptions, OidcProvider, Proxy};
use wren_core::vault::{AccessPurpose, CredentialVault as _};
use wren_core::{Error, ErrorClass, ErrorCode, OwnerId, Result, WireError};
use wren_integrations::{
    Callback, Catalogue, ClientAuthentication, OauthClient, OauthFlows, OauthOptions, OauthProviders, OauthRefresher,
};
use wren_vault::{KeyFile, SealedVault};

const PUBLIC_URL: &str = "https://wrens.ie";
const REDIRECT_URI: &str = "https://wrens.ie/integrations/gmail/callback";
/// What the catalogue asks of Gmail.
const SCOPES: [&str; 1] = ["https://www.googleapis.com/auth/gmail.modify"];
/// How long the provider's access tokens are good, unless a test says otherwise.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

fn options() -> OidcOptions {
    OidcOptions::new(REDIRECT_URI, &SCOPES)
}

/// A platform with its store and its master key, and the provider of its one integration.
struct World {
    provider: OidcProvider,
    /// Before the provider's token URL.
    proxy: Proxy,
    store: Arc<Rendezvous>,
    keys: tempfile::TempDir,
    providers: OauthProviders,
    flows: OauthFlows,
    /// The time at the provider when this world began.
    start: DateTime<Utc>,
}

impl World {
    /// Starts everything; `None` where there is no provider to be had.
    fn start() -> Option<Self> {
        Self::start_with(options())
    }

    fn start_with(options: OidcOptions) -> Option<Self> {
        let provider = match OidcProvider::start(&options) {
            Ok(provider) => provider,
            Err(reason) => {
                wren_conformance::requirement("a provider of OAuth", Err(reason));
                return None;
            }
        };
        let proxy = Proxy::start(provider.address());
        let authentication = if options.basic { ClientAuthentication::Basic } else { ClientAuthentication::Body };
        let client = client(&provider, &proxy, provider.client_secret()).with_authentication(authentication);
        let providers = providers(client);
        let store = Arc::new(Rendezvous::default());
        let flows = OauthFlows::new(providers.clone(), store.clone());
        let keys = tempfile::tempdir().unwrap();
        Some(Self { provider, proxy, store, keys, providers, flows, start: Utc::now() })
    }

    /// Opens the vault as a process of its own does: nothing but the store and the master key is shared.
    async fn process(&self) -> Process {
        self.process_with(self.providers.clone()).await
    }

    async fn process_with(&self, providers: OauthProviders) -> Process {
        let master = KeyFile::beside(self.keys.path().join("data")).unwrap().open(self.store.clone()).await.unwrap();
        let directory = Catalogue::built_in().unwrap().directory(PUBLIC_URL, "https://docs.wrens.ie");
        let vault = SealedVault::builder(self.store.clone(), master)
            .with_integrations(directory)
            .with_refresher(Arc::new(OauthRefresher::new(providers)))
            .open()
            .await
            .unwrap();
        Process(vault)
    }

    async fn begin(&self, scopes: &[&str], now: DateTime<Utc>) -> Url {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.flows.begin(&ada(), "gmail", &scopes, now).await.unwrap()
    }

    /// Has the user visit a page of the provider; returns what they come back with.
    fn visit(&self, page: &Url) -> Visit {
        let back = Url::parse(&self.provider.visit(page.as_str())).unwrap();
        assert!(back.as_str().starts_with(&format!("{REDIRECT_URI}?")), "{back}");
        let parameter =
            |wanted: &str| back.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        Visit { state: parameter("state").unwrap(), code: parameter("code"), error: parameter("error") }
    }

    /// A whole flow of a user who agrees, into the vault.
    async fn connect(&self, process: &Process, now: DateTime<Utc>) {
        let visit = self.visit(&self.begin(&[], now).await);
        let (owner, credential) = self.flows.finish(visit.callback(), Some(&ada()), now).await.unwrap();
        process.0.put(&owner, credential, now).await.unwrap();
    }

    /// Whether the provider's own resource takes a token.
    fn takes(&self, token: &SecretString) -> bool {
        self.provider.account_of(token.expose_secret()).is_some()
    }

    /// How many refreshes the provider granted, and how many it refused.
    fn refreshes(&self) -> (u64, u64) {
        let grants = self.provider.grants();
        (grants.refreshes, grants.refused.get("refresh_token invalid_grant").copied().unwrap_or_default())
    }
}

/// What a user comes back with.
struct Visit {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

impl Visit {
    fn callback(&self) -> Callback {
        match &self.error {
            Some(error) => Callback::with_error("gmail", self.state.clone(), error),
            None => Callback::with_code("gmail", self.state.clone(), self.code.clone().unwrap()),
        }
    }
}

fn client(provider: &OidcProvider, proxy: &Proxy, secret: &str) -> OauthClient {
    OauthClient::new(provider.client_id(), secret.to_owned())
        .with_authentication(ClientAuthentication::Basic)
        .with_authorize_url(Url::parse(&provider.authorize_url()).unwrap())
        .with_token_url(Url::parse(&format!("http://{}/token", proxy.address())).unwrap())
}

fn providers(client: OauthClient) -> OauthProviders {
    let options = OauthOptions::new(PUBLIC_URL, "https://docs.wrens.ie").with_client("gmail", client);
    OauthProviders::new(&Catalogue::built_in().unwrap(), options).unwrap()
}

fn purpose() -> AccessPurpose {
    AccessPurpose::new("http.request")
}

/// A vault as one process has it. Clones are callers of one process.
#[derive(Clone)]
struct Process(SealedVault);

impl Process {
    async fn access(&self, now: DateTime<Utc>) -> Result<SecretString> {
        self.0.access(&ada(), "gmail", purpose(), now).await
    }

    /// What a caller does whose token was refused with status 401.
    async fn renew(&self, refused: &SecretString, now: DateTime<Utc>) -> Result<SecretString> {
        self.0.refresh(&ada(), "gmail", refused, purpose(), now).await
    }

    async fn version(&self, now: DateTime<Utc>) -> u64 {
        self.0.status(&ada(), "gmail", now).await.unwrap().unwrap().version
    }
}

/// Lets four callers of each of two processes do something at the same time: none goes on before all have seen the same
/// credential. Returns the one token that they all got.
async fn at_once<F>(world: &World, processes: &[Process; 2], call: impl Fn(Process) -> F) -> SecretString
where
    F: Future<Output = Result<SecretString>> + Send + 'static,
{
    world.store.gather(8);
    let mut callers = JoinSet::new();
    for process in processes {
        for _ in 0..4 {
            callers.spawn(call(process.clone()));
        }
    }
    let tokens: Vec<SecretString> = callers.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(tokens.iter().all(|token| token.expose_secret() == tokens[0].expose_secret()));
    tokens[0].clone()
}

/// Asserts that the user must connect anew and is told where.
#[track_caller]
fn asks_the_user(error: &Error) {
    assert_eq!(error.code(), ErrorCode::OauthTokenExpired, "{}", error.chain());
    assert_eq!(error.class(), ErrorClass::UserFacingConfigError);
    assert_eq!(error.action_url(), Some("https://wrens.ie/integrations/gmail/reauthorize"));
    assert!(!error.retryable());
    silent(error);
}

/// Asserts that the same may work later.
#[track_caller]
fn may_pass(error: &Error) {
    assert!(error.retryable(), "{}", error.chain());
    assert_ne!(error.code(), ErrorCode::OauthTokenExpired);
    assert!(error.hint().is_some());
    silent(error);
}

/// Asserts that an error tells nothing of the client's secret.
#[track_caller]
fn silent(error: &Error) {
    let wire = serde_json::to_string(&WireError::from(error)).unwrap();
    let told = format!("{error} {error:?} {} {wire}", error.chain());
    assert!(!told.contains("canary"), "{told}");
}
