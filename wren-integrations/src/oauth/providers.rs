//! The services that this platform has an OAuth client of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;
use wren_core::integration::{Integration, IntegrationDirectory};
use wren_core::{Error, ErrorCode, Result};

use super::client::OauthClient;
use super::endpoint::TokenEndpoint;
use crate::catalogue::{Catalogue, IntegrationSpec, OauthSpec};

/// What the OAuth flows of a platform need.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OauthOptions {
    /// The address that users reach the platform by, without a final slash.
    pub public_url: String,
    /// The address of the documentation, without a final slash.
    pub docs_url: String,
    /// The platform's registrations, by integration.
    pub clients: BTreeMap<String, OauthClient>,
    /// How long a call of a token URL may take.
    pub timeout: Duration,
}

impl OauthOptions {
    /// Takes the two addresses that errors link to; a call may take ten seconds.
    #[must_use]
    pub fn new(public_url: impl Into<String>, docs_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            docs_url: docs_url.into(),
            clients: BTreeMap::new(),
            timeout: Duration::from_secs(10),
        }
    }

    /// Adds the platform's registration for an integration.
    #[must_use]
    pub fn with_client(mut self, integration: impl Into<String>, client: OauthClient) -> Self {
        self.clients.insert(integration.into(), client);
        self
    }

    /// Sets how long a call may take. A vault gives a refresh thirty seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// The services that this platform has an OAuth client of. Clones share everything.
#[derive(Clone)]
pub struct OauthProviders(Arc<Shared>);

struct Shared {
    catalogue: Catalogue,
    directory: IntegrationDirectory,
    providers: BTreeMap<String, Provider>,
    endpoint: TokenEndpoint,
}

/// One service, with everything that overrides the catalogue applied.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) integration: Integration,
    pub(super) spec: OauthSpec,
    pub(super) client: OauthClient,
    pub(super) authorize_url: Url,
    pub(super) token_url: Url,
    pub(super) redirect_uri: String,
}

impl fmt::Debug for OauthProviders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.providers.keys()).finish()
    }
}

impl OauthProviders {
    /// Puts the platform's clients to the services of a catalogue.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION` when a client is of none that the catalogue has; `INVALID_REQUEST` when the integration knows
    /// no OAuth, or one of the client's addresses cannot be used; `INTERNAL` when there can be no HTTP client.
    pub fn new(catalogue: &Catalogue, options: OauthOptions) -> Result<Self> {
        let public_url = options.public_url.trim_end_matches('/');
        let directory = catalogue.directory(public_url, options.docs_url.trim_end_matches('/'));
        let mut providers = BTreeMap::new();
        for (name, client) in options.clients {
            let spec = catalogue.find(&name).ok_or_else(|| directory.unknown(&name))?;
            let provider = Provider::new(spec, client, public_url)?;
            providers.insert(name, provider);
        }
        let endpoint = TokenEndpoint::new(options.timeout)?;
        Ok(Self(Arc::new(Shared { catalogue: catalogue.clone(), directory, providers, endpoint })))
    }

    /// Says whether users can connect an integration this way.
    #[must_use]
    pub fn serves(&self, integration: &str) -> bool {
        self.0.providers.contains_key(integration)
    }

    /// Returns the address that must be registered at the provider, to the letter.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION`, `INVALID_REQUEST` when the integration knows no OAuth, and `INTEGRATION_NOT_CONFIGURED` when
    /// the platform has no client of it.
    pub fn redirect_uri(&self, integration: &str) -> Result<&str> {
        Ok(&self.find(integration)?.redirect_uri)
    }

    /// Returns the origin of the page on which leave is given; `None` when the platform has no client of it.
    #[must_use]
    pub fn authorize_origin(&self, integration: &str) -> Option<String> {
        Some(self.0.providers.get(integration)?.authorize_url.origin().ascii_serialization())
    }

    pub(super) fn find(&self, name: &str) -> Result<&Provider> {
        if let Some(provider) = self.0.providers.get(name) {
            return Ok(provider);
        }
        let unknown = || self.0.directory.unknown(name);
        let spec = self.0.catalogue.find(name).ok_or_else(unknown)?;
        if spec.oauth.is_none() {
            return Err(knows_no_oauth(spec));
        }
        let hint = format!("this platform has no OAuth client of {} yet: set its client id and secret", spec.title);
        Err(self.0.directory.without_credential(name).with_hint(hint))
    }

    /// Returns the names of the services.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.providers.keys().map(String::as_str)
    }

    pub(super) fn directory(&self) -> &IntegrationDirectory {
        &self.0.directory
    }

    pub(super) fn endpoint(&self) -> &TokenEndpoint {
        &self.0.endpoint
    }
}

impl Provider {
    fn new(spec: &IntegrationSpec, client: OauthClient, public_url: &str) -> Result<Self> {
        let oauth = spec.oauth.clone().ok_or_else(|| knows_no_oauth(spec))?;
        let redirect_uri =
            client.redirect_uri.clone().unwrap_or_else(|| format!("{public_url}/integrations/{}/callback", spec.name));
        let provider = Self {
            integration: Integration { name: spec.name.clone(), title: spec.title.clone() },
            authorize_url: client.authorize_url.clone().unwrap_or_else(|| oauth.authorize_url.clone()),
            token_url: client.token_url.clone().unwrap_or_else(|| oauth.token_url.clone()),
            redirect_uri,
            spec: oauth,
            client,
        };
        let unusable = |what: &str, why: &str| -> Result<Self> {
            Err(Error::new(ErrorCode::InvalidRequest, format!("the {what} of `{}` {why}", spec.name)))
        };
        for (what, url) in [("authorize URL", &provider.authorize_url), ("token URL", &provider.token_url)] {
            if !is_private(url) {
                return unusable(what, "is neither https nor of this machine");
            }
            // It would be printed, and sent where it is not expected.
            if !url.username().is_empty() || url.password().is_some() {
                return unusable(what, "has a user in it");
            }
        }
        if Url::parse(&provider.redirect_uri).is_err() {
            return unusable("redirect URI", "is no URL");
        }
        if provider.client.client_id.is_empty() {
            return unusable("client id", "is empty");
        }
        Ok(provider)
    }
}

fn knows_no_oauth(spec: &IntegrationSpec) -> Error {
    Error::new(ErrorCode::InvalidRequest, format!("{} is connected with a key, not with OAuth", spec.title))
        .with_hint(format!("set the key of `{}` as its credential", spec.name))
}

/// Says whether nobody on the way reads what is sent there.
fn is_private(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(url::Host::Domain(name))) => name == "localhost",
        ("http", Some(url::Host::Ipv4(ip))) => ip.is_loopback(),
        ("http", Some(url::Host::Ipv6(ip))) => ip.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(name: &str, client: OauthClient) -> Result<OauthProviders> {
        let options = OauthOptions::new("https://wrens.ie/", "https://docs.wrens.ie").with_client(name, client);
        OauthProviders::new(&Catalogue::built_in().unwrap(), options)
    }

    #[test]
    fn the_address_to_register_is_made_of_the_public_one() {
        let providers = providers("gmail", OauthClient::new("id", "canary")).unwrap();
        assert_eq!(providers.redirect_uri("gmail").unwrap(), "https://wrens.ie/integrations/gmail/callback");
        assert!(providers.serves("gmail") && !providers.serves("slack"));
        let without = providers.redirect_uri("slack").unwrap_err();
        assert_eq!(without.code(), ErrorCode::IntegrationNotConfigured);
        assert_eq!(without.action_url(), Some("https://wrens.ie/integrations/slack/setup"));
        assert_eq!(providers.redirect_uri("openai").unwrap_err().code(), ErrorCode::InvalidRequest);
        assert_eq!(providers.redirect_uri("gmial").unwrap_err().code(), ErrorCode::UnknownIntegration);
        assert_eq!(format!("{providers:?}"), r#"["gmail"]"#);
        assert!(!format!("{:?}", providers.find("gmail").unwrap()).contains("canary"));
    }

    #[test]
    fn a_client_is_of_an_integration_that_knows_oauth() {
        assert_eq!(providers("gmial", OauthClient::public("id")).unwrap_err().code(), ErrorCode::UnknownIntegration);
        assert_eq!(providers("openai", OauthClient::public("id")).unwrap_err().code(), ErrorCode::InvalidRequest);
        assert_eq!(providers("gmail", OauthClient::public("")).unwrap_err().code(), ErrorCode::InvalidRequest);
        let client = OauthClient::public("id").with_redirect_uri("/callback");
        assert_eq!(providers("gmail", client).unwrap_err().code(), ErrorCode::InvalidRequest);
    }

    #[test]
    fn secrets_go_over_plain_http_to_this_machine_only() {
        let with = |url: &str| providers("gmail", OauthClient::public("id").with_token_url(Url::parse(url).unwrap()));
        for url in ["https://idp.example/token", "http://127.0.0.1:9/t", "http://[::1]/t", "http://localhost/t"] {
            assert!(with(url).is_ok(), "{url}");
        }
        for url in ["http://idp.example", "http://10.0.0.1", "ftp://localhost", "http://127.0.0.1.example", "data:x"] {
            assert_eq!(with(url).unwrap_err().code(), ErrorCode::InvalidRequest, "{url}");
        }
        let error = with("https://user:canary@idp.example").unwrap_err();
        assert!(!format!("{error:?}").contains("canary"));
    }
}
