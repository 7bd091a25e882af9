//! From a user who wants to connect an integration to a credential.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use wren_core::store::RecordStore;
use wren_core::vault::NewCredential;
use wren_core::{Error, ErrorCode, OwnerId, Result};

use super::answer::reason;
use super::endpoint::Failure;
use super::pkce;
use super::providers::{OauthProviders, Provider};
use crate::one_time::OneTime;

/// What a user comes back from a provider with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Callback {
    /// The integration whose address the user came back to.
    pub integration: String,
    /// The parameter `state`.
    pub state: SecretString,
    answer: Leave,
}

/// What a provider says when it sends a user back.
#[derive(Debug, Clone)]
enum Leave {
    /// The parameter `code`.
    Given(SecretString),
    /// The parameter `error`.
    Refused(String),
}

impl Callback {
    /// Takes a code.
    #[must_use]
    pub fn with_code(
        integration: impl Into<String>,
        state: impl Into<SecretString>,
        code: impl Into<SecretString>,
    ) -> Self {
        Self { integration: integration.into(), state: state.into(), answer: Leave::Given(code.into()) }
    }

    /// Takes an error. Of one that does not look like the name of an error nothing is kept: anybody can write a link.
    #[must_use]
    pub fn with_error(integration: impl Into<String>, state: impl Into<SecretString>, error: &str) -> Self {
        Self { integration: integration.into(), state: state.into(), answer: Leave::Refused(reason(error)) }
    }
}

/// A flow that has begun. Without `Debug`: the verifier is nobody's business.
#[derive(Serialize, Deserialize)]
struct Pending {
    owner: OwnerId,
    integration: String,
    verifier: String,
    /// What was asked for: what a provider grants when it does not say (RFC 6749, section 5.1).
    scopes: Vec<String>,
}

/// Sends users to providers and trades what they come back with.
///
/// ```
/// # async fn example() -> wren_core::Result<()> {
/// use std::sync::Arc;
///
/// use chrono::Utc;
/// use wren_core::OwnerId;
/// use wren_core::memory::MemoryStore;
/// use wren_integrations::{Callback, Catalogue, OauthClient, OauthFlows, OauthOptions, OauthProviders};
///
/// let options = OauthOptions::new("https://wrens.ie", "https://docs.wrens.ie")
///     .with_client("gmail", OauthClient::new("id.apps.googleusercontent.com", "secret"));
/// let providers = OauthProviders::new(&Catalogue::built_in()?, options)?;
/// // Registered at Google, to the letter.
/// assert_eq!(providers.redirect_uri("gmail")?, "https://wrens.ie/integrations/gmail/callback");
///
/// let flows = OauthFlows::new(providers, Arc::new(MemoryStore::new()));
/// let ada = OwnerId::new("ada").expect("a name");
/// let page = flows.begin(&ada, "gmail", &[], Utc::now()).await?;
/// assert_eq!(page.host_str(), Some("accounts.google.com"));
///
/// // The user comes back with a state that nobody was given: it opens nothing.
/// let forged = Callback::with_code("gmail", "state", "code");
/// assert!(flows.finish(forged, Some(&ada), Utc::now()).await.is_err());
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().expect("a runtime").block_on(example()).expect("the example");
/// ```
#[derive(Clone)]
pub struct OauthFlows {
    providers: OauthProviders,
    states: OneTime,
}

impl fmt::Debug for OauthFlows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OauthFlows").field("providers", &self.providers).finish_non_exhaustive()
    }
}

impl OauthFlows {
    /// Keeps what has begun in a record store, so that any node of a platform can finish it.
    #[must_use]
    pub fn new(providers: OauthProviders, records: Arc<dyn RecordStore>) -> Self {
        Self { providers, states: OneTime::new(records, "oauth") }
    }

    /// Begins: returns the page on which the user gives leave within ten minutes. `scopes` are asked for in place of those
    /// of the catalogue, unless there are none.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION`; `INVALID_REQUEST` when the integration knows no OAuth; `INTEGRATION_NOT_CONFIGURED` when the
    /// platform has no client of it; `STORE_UNAVAILABLE`.
    pub async fn begin(
        &self,
        owner: &OwnerId,
        integration: &str,
        scopes: &[String],
        now: DateTime<Utc>,
    ) -> Result<Url> {
        let provider = self.providers.find(integration)?;
        let (state, verifier) = (pkce::random()?, pkce::random()?);
        let pending = Pending {
            owner: owner.clone(),
            integration: integration.to_owned(),
            verifier: verifier.expose_secret().to_owned(),
            scopes: if scopes.is_empty() { provider.spec.asked_scopes() } else { scopes.to_vec() },
        };
        self.states.keep(&state, &pending, now).await?;
        Ok(page(provider, &state, &pending))
    }

    /// Finishes: trades the code for a credential, and says whose it is. Whatever comes of it, the state is spent.
    ///
    /// `owner` is who came back. A caller that knows it MUST say it: without it, somebody who talks a user into following
    /// the link of a flow that they began gets the user's leave for their own account.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the state is unknown, has ended, was used before, or belongs to another owner or integration:
    /// which of these is not said. `INTEGRATION_NOT_CONFIGURED`, with the page on which to begin again, when the user or the
    /// provider refuses, or the provider does not answer. `UNKNOWN_INTEGRATION`; `STORE_UNAVAILABLE`.
    pub async fn finish(
        &self,
        callback: Callback,
        owner: Option<&OwnerId>,
        now: DateTime<Utc>,
    ) -> Result<(OwnerId, NewCredential)> {
        let provider = self.providers.find(&callback.integration)?;
        let pending: Option<Pending> = self.states.take(&callback.state, now).await?;
        let pending = pending.ok_or_else(|| no_such_state("it is unknown, has ended or was used"))?;
        if pending.integration != callback.integration {
            return Err(no_such_state("it is of another integration"));
        }
        if owner.is_some_and(|owner| *owner != pending.owner) {
            return Err(no_such_state("it is of another owner"));
        }
        let code = match callback.answer {
            Leave::Given(code) => code,
            Leave::Refused(reason) => return Err(self.refused(provider, &reason)),
        };
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", provider.redirect_uri.as_str()),
            ("code_verifier", pending.verifier.as_str()),
        ];
        let tokens = self.providers.endpoint().trade(provider, &grant).await.map_err(|failure| match failure {
            Failure::Refused(reason) => self.refused(provider, &reason),
            Failure::Trouble(error) => self.troubled(provider, error),
        })?;
        let mut credential = tokens.into_credential(&pending.integration, now);
        if credential.scopes.is_empty() {
            credential.scopes = pending.scopes;
        }
        Ok((pending.owner, credential))
    }

    fn refused(&self, provider: &Provider, reason: &str) -> Error {
        let title = &provider.integration.title;
        let hint = match reason {
            "access_denied" => format!("{title} was not given leave: begin again and agree"),
            "invalid_client" | "unauthorized_client" | "bad_client_secret" | "invalid_client_id" => {
                format!("{title} does not accept this platform's client (`{reason}`): check its client id and secret")
            }
            "redirect_uri_mismatch" | "bad_redirect_uri" => {
                format!("register `{}` at {title} as the address to come back to", provider.redirect_uri)
            }
            _ => format!("{title} refused with `{reason}`: begin again"),
        };
        let error = self.providers.directory().not_configured(&provider.integration);
        error.with_hint(hint).with_detail("reason", reason)
    }

    /// The state and maybe the code are spent, so the same call cannot succeed later: it is the user who must begin again.
    fn troubled(&self, provider: &Provider, error: Error) -> Error {
        let hint = format!("{} did not answer as it should: begin again in a while", provider.integration.title);
        self.providers.directory().not_configured(&provider.integration).with_hint(hint).with_source(error)
    }
}

/// The page of a provider, with everything that a flow adds to its address.
fn page(provider: &Provider, state: &SecretString, pending: &Pending) -> Url {
    let mut url = provider.authorize_url.clone();
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client.client_id)
        .append_pair("redirect_uri", &provider.redirect_uri)
        .append_pair("state", state.expose_secret())
        .append_pair("code_challenge", &pkce::challenge(&pending.verifier))
        .append_pair("code_challenge_method", "S256");
    if !pending.scopes.is_empty() {
        query.append_pair("scope", &pending.scopes.join(&provider.spec.scope_separator));
    }
    query.extend_pairs(&provider.spec.authorize_parameters);
    drop(query);
    url
}

/// Why is for the log: it would tell who tries states which of them are somebody's.
fn no_such_state(why: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, "this way of connecting an integration is not open")
        .with_hint(
            "begin again: a link to connect an integration works once, for ten minutes, and for who asked for it",
        )
        .with_source(why)
}
