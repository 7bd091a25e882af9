//! How a user connects an integration: a one-time link, the page behind it, and what comes back.
//!
//! A link names nobody: its ticket, 256 random bits that are kept as a hash and end after ten minutes, does. Who opens it is
//! shown whose account the integration will belong to before anything happens, because a link can be sent to somebody else.
//!
//! An integration with OAuth sends the user to the provider and back; one without takes a key. A credential that comes of it
//! goes straight into the vault.

mod audit;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;
use wren_core::integration::IntegrationDirectory;
use wren_core::store::RecordStore;
use wren_core::vault::{CredentialVault, NewCredential};
use wren_core::{Error, ErrorCode, OwnerId, Result};

use crate::catalogue::{Catalogue, IntegrationSpec, OauthSpec};
use crate::oauth::{Callback, OauthFlows, OauthProviders, pkce};
use crate::one_time::OneTime;

/// The most scopes that may be asked for at once, and the longest of them, in bytes.
const MOST_SCOPES: usize = 64;
const LONGEST_SCOPE: usize = 256;
/// The longest key that is taken, in bytes.
const LONGEST_KEY: usize = 64 * 1024;

/// Connects the integrations of owners. Clones share everything.
#[derive(Debug, Clone)]
pub struct Connections {
    catalogue: Arc<Catalogue>,
    directory: IntegrationDirectory,
    providers: OauthProviders,
    flows: OauthFlows,
    vault: Arc<dyn CredentialVault>,
    tickets: OneTime,
}

/// A link that works once.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// What the link has to carry.
    pub ticket: SecretString,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Whom a link is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invited {
    /// Whose credential it will be.
    pub owner: OwnerId,
    /// The integration.
    pub integration: String,
    /// The scopes to ask for; none for those of the catalogue.
    pub scopes: Vec<String>,
}

/// How an integration is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The user gives leave at the provider.
    Oauth,
    /// The user enters a key.
    Key,
}

/// A user who is to be sent to a provider.
#[derive(Clone)]
pub struct Departure {
    /// The page on which leave is given.
    pub page: Url,
    /// What the user has to come back with, and the browser has to be known by.
    pub state: SecretString,
}

impl fmt::Debug for Departure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The page's address holds the state.
        formatter.debug_struct("Departure").field("to", &self.page.host_str()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Makes connections of the integrations of a catalogue, into a vault. What is on its way is kept in a record store, so
    /// that any node of a platform can finish what another began.
    #[must_use]
    pub fn new(
        catalogue: Catalogue,
        directory: IntegrationDirectory,
        providers: OauthProviders,
        vault: Arc<dyn CredentialVault>,
        records: Arc<dyn RecordStore>,
    ) -> Self {
        let flows = OauthFlows::new(providers.clone(), Arc::clone(&records));
        let tickets = OneTime::new(records, "connect");
        Self { catalogue: Arc::new(catalogue), directory, providers, flows, vault, tickets }
    }

    /// Returns the integrations that can be connected, by name.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Returns the vault that credentials go to.
    #[must_use]
    pub fn vault(&self) -> &Arc<dyn CredentialVault> {
        &self.vault
    }

    /// Returns an integration.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION`.
    pub fn find(&self, integration: &str) -> Result<&IntegrationSpec> {
        self.catalogue.find(integration).ok_or_else(|| self.directory.unknown(integration))
    }

    /// Says how an integration is connected.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION`; `INTEGRATION_NOT_CONFIGURED` when it needs an OAuth client that the platform has not.
    pub fn means(&self, integration: &str) -> Result<Means> {
        let spec = self.find(integration)?;
        if spec.oauth.is_none() {
            return Ok(Means::Key);
        }
        self.providers.redirect_uri(integration).map(|_| Means::Oauth)
    }

    /// Returns the page of an integration that a link leads to, without a ticket.
    #[must_use]
    pub fn setup_url(&self, integration: &str) -> String {
        self.directory.setup_url(integration)
    }

    /// Returns the origin that a user is sent to; `None` for an integration that is connected with a key.
    #[must_use]
    pub fn authorize_origin(&self, integration: &str) -> Option<String> {
        self.providers.authorize_origin(integration)
    }

    /// Makes a link for an owner. `scopes` are asked for besides the usual ones.
    ///
    /// # Errors
    /// As [`means`](Self::means); `INVALID_REQUEST` for scopes that cannot be asked for; `STORE_UNAVAILABLE`.
    pub async fn invite(
        &self,
        owner: &OwnerId,
        integration: &str,
        scopes: &[String],
        now: DateTime<Utc>,
    ) -> Result<Invitation> {
        let means = self.means(integration)?;
        check_scopes(means, scopes)?;
        let usual = self.find(integration)?.oauth.as_ref().filter(|_| !scopes.is_empty()).map(OauthSpec::asked_scopes);
        let mut asked = usual.unwrap_or_default();
        for scope in scopes {
            if !asked.contains(scope) {
                asked.push(scope.clone());
            }
        }
        let ticket = pkce::random()?;
        let invited = Invited { owner: owner.clone(), integration: integration.to_owned(), scopes: asked };
        let expires_at = self.tickets.keep(&ticket, &invited, now).await?;
        audit::invited(&invited);
        Ok(Invitation { ticket, expires_at })
    }

    /// Says whom a link is for. The link can still be used.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the ticket is unknown, has ended, was used, or is of another integration; `STORE_UNAVAILABLE`.
    pub async fn invited(&self, integration: &str, ticket: &SecretString, now: DateTime<Utc>) -> Result<Invited> {
        let found: Option<Invited> = self.tickets.look(ticket, now).await?;
        self.fitting(integration, found)
    }

    /// Sends a user off to the provider; the link is spent.
    ///
    /// # Errors
    /// As [`invited`](Self::invited) and [`OauthFlows::begin`].
    pub async fn depart(
        &self,
        integration: &str,
        ticket: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<(OwnerId, Departure)> {
        let invited = self.spend(integration, ticket, now).await?;
        let page = self.flows.begin(&invited.owner, integration, &invited.scopes, now).await?;
        let state = page.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
        let state = state.ok_or_else(|| Error::new(ErrorCode::Internal, "an authorisation page without a state"))?;
        Ok((invited.owner, Departure { page, state: state.into() }))
    }

    /// Keeps the key that a user has entered; the link is spent.
    ///
    /// # Errors
    /// As [`invited`](Self::invited); `INVALID_REQUEST` for what can be no key, which spends no link.
    pub async fn enter(
        &self,
        integration: &str,
        ticket: &SecretString,
        key: SecretString,
        now: DateTime<Utc>,
    ) -> Result<OwnerId> {
        let key = check_key(key)?;
        let spec = self.find(integration)?;
        if spec.oauth.is_some() {
            let message = format!("{} is connected with OAuth, not with a key", spec.title);
            return Err(Error::new(ErrorCode::InvalidRequest, message));
        }
        let invited = self.spend(integration, ticket, now).await?;
        self.vault.put(&invited.owner, NewCredential::new(integration, key), now).await?;
        audit::connected(&invited.owner, integration, "key");
        Ok(invited.owner)
    }

    /// Takes what a user comes back from a provider with, and keeps the credential. Whatever comes of it, the state is spent.
    ///
    /// The caller MUST have made sure that the browser is the one that [`depart`](Self::depart) was for.
    ///
    /// # Errors
    /// As [`OauthFlows::finish`]; `STORE_UNAVAILABLE` when the vault cannot keep it.
    pub async fn arrive(&self, callback: Callback, now: DateTime<Utc>) -> Result<OwnerId> {
        let integration = callback.integration.clone();
        let arrived = async {
            let (owner, credential) = self.flows.finish(callback, None, now).await?;
            self.vault.put(&owner, credential, now).await?;
            Ok(owner)
        };
        match arrived.await {
            Ok(owner) => {
                audit::connected(&owner, &integration, "oauth");
                Ok(owner)
            }
            Err(error) => {
                audit::refused(&integration, &error);
                Err(error)
            }
        }
    }

    /// Makes the error for a browser that comes back with a state it was not given.
    #[must_use]
    pub fn foreign_browser(&self, integration: &str) -> Error {
        let error = Error::new(ErrorCode::PermissionDenied, "this browser did not ask to connect the integration")
            .with_hint("open the link in the browser that is to give leave, and go on in it")
            .with_detail("integration", integration);
        audit::refused(integration, &error);
        error
    }

    /// Deletes an owner's credential; says whether there was one. The provider is told nothing.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION`, `STORE_UNAVAILABLE`.
    pub async fn disconnect(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        self.find(integration)?;
        let deleted = self.vault.delete(owner, integration).await?;
        if deleted {
            audit::disconnected(owner, integration);
        }
        Ok(deleted)
    }

    async fn spend(&self, integration: &str, ticket: &SecretString, now: DateTime<Utc>) -> Result<Invited> {
        let taken: Option<Invited> = self.tickets.take(ticket, now).await?;
        self.fitting(integration, taken)
    }

    fn fitting(&self, integration: &str, invited: Option<Invited>) -> Result<Invited> {
        let spec = self.find(integration)?;
        invited.filter(|invited| invited.integration == spec.name).ok_or_else(|| {
            let error = Error::new(ErrorCode::InvalidRequest, "this link to connect an integration is not open")
                .with_hint("ask for a new link: one works once, for ten minutes, and for one integration");
            audit::refused(integration, &error);
            error
        })
    }
}

fn check_scopes(means: Means, scopes: &[String]) -> Result<()> {
    let invalid = |message: String| Err(Error::new(ErrorCode::InvalidRequest, message));
    if means == Means::Key && !scopes.is_empty() {
        return invalid("a key has the scopes that it has: none can be asked for".to_owned());
    }
    if scopes.len() > MOST_SCOPES {
        return invalid(format!("`scopes` has {} entries, and at most {MOST_SCOPES} are taken", scopes.len()));
    }
    // RFC 6749, section 3.3, less the comma, which some services put between scopes.
    let is_scope = |scope: &String| {
        (1..=LONGEST_SCOPE).contains(&scope.len())
            && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b','))
    };
    match scopes.iter().position(|scope| !is_scope(scope)) {
        Some(place) => invalid(format!("`scopes[{place}]` is no scope: name one as the service's documentation does")),
        None => Ok(()),
    }
}

/// Takes off what pasting leaves around a key, and refuses what no header can hold.
fn check_key(key: SecretString) -> Result<SecretString> {
    use secrecy::ExposeSecret as _;
    let text = key.expose_secret().trim();
    let is_key = (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key {
        return Ok(text.to_owned().into());
    }
    Err(Error::new(ErrorCode::InvalidRequest, "this is no key: a key is one word of printable ASCII")
        .with_hint("copy it from the service's page of API keys, and paste it alone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_word_of_the_standards_letters() {
        let check = |scope: &str| check_scopes(Means::Oauth, &[scope.to_owned()]);
        for scope in ["chat:write", "https://www.googleapis.com/auth/gmail.modify", "a"] {
            assert!(check(scope).is_ok(), "{scope}");
        }
        for scope in ["", "a b", "a,b", "a\"b", "a\\b", "é", "a\n", &"x".repeat(257)] {
            assert_eq!(check(scope).unwrap_err().code(), ErrorCode::InvalidRequest, "{scope}");
        }
        assert!(check_scopes(Means::Key, &["a".to_owned()]).is_err());
        assert!(check_scopes(Means::Oauth, &vec!["a".to_owned(); 65]).is_err());
    }

    #[test]
    fn a_key_is_one_word() {
        use secrecy::ExposeSecret as _;
        assert_eq!(check_key(" sk-1\r\n".to_owned().into()).unwrap().expose_secret(), "sk-1");
        for text in ["", " ", "a b", "a\nb", "é"] {
            assert!(check_key(text.to_owned().into()).is_err(), "{text}");
        }
    }
}
