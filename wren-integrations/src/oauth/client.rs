//! What the platform is registered with at a provider.

use secrecy::SecretString;
use url::Url;

/// How a client proves to the token URL who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// With `client_id` and `client_secret` in the body, which most providers take.
    #[default]
    Body,
    /// With an `Authorization: Basic` header.
    Basic,
}

/// The platform's registration at one provider.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OauthClient {
    /// The client's id, which is no secret.
    pub client_id: String,
    /// The client's secret; none for what the provider calls a public client.
    pub client_secret: Option<SecretString>,
    /// How the secret is sent.
    pub authentication: ClientAuthentication,
    /// The page on which the user gives leave, when it is not the catalogue's.
    pub authorize_url: Option<Url>,
    /// Where codes and refresh tokens are traded, when it is not where the catalogue says.
    pub token_url: Option<Url>,
    /// Where the provider sends the user back to, exactly as registered there, when it is not
    /// `{public_url}/integrations/{name}/callback`.
    pub redirect_uri: Option<String>,
}

impl OauthClient {
    /// Takes an id and a secret, which is sent in the body.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        Self { client_secret: Some(client_secret.into()), ..Self::public(client_id) }
    }

    /// Takes an id alone: PKCE is then all that proves that a code comes back to who asked for it.
    #[must_use]
    pub fn public(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: None,
            authentication: ClientAuthentication::default(),
            authorize_url: None,
            token_url: None,
            redirect_uri: None,
        }
    }

    /// Sets how the secret is sent.
    #[must_use]
    pub fn with_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets the page on which the user gives leave: a self-hosted server's, or a test's.
    #[must_use]
    pub fn with_authorize_url(mut self, url: Url) -> Self {
        self.authorize_url = Some(url);
        self
    }

    /// Sets where codes and refresh tokens are traded: at a self-hosted server, or a test's.
    #[must_use]
    pub fn with_token_url(mut self, url: Url) -> Self {
        self.token_url = Some(url);
        self
    }

    /// Sets where the provider sends the user back to.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }
}
