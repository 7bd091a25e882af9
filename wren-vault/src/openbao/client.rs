//! Calls to the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode, Url};
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wren_core::{Error, ErrorCode, Result};
use zeroize::Zeroizing;

use crate::error;

/// Where the server is, and what it lets us in with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenBaoOptions {
    /// Its address, `https://vault.example:8200` say. Plain `http` is for this machine's own addresses only.
    pub address: String,
    /// The token.
    pub token: SecretString,
    /// The server's namespace, where it has several.
    pub namespace: Option<String>,
    /// How long a call may take.
    pub timeout: Duration,
}

impl OpenBaoOptions {
    /// Takes an address and a token; a call may take ten seconds.
    #[must_use]
    pub fn new(address: impl Into<String>, token: impl Into<SecretString>) -> Self {
        Self { address: address.into(), token: token.into(), namespace: None, timeout: Duration::from_secs(10) }
    }

    /// Sets the namespace.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets how long a call may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A client with the server's address and a token in its headers.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    address: Url,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither headers nor a password that stands in the address.
        formatter.debug_struct("Client").field("host", &self.address.host_str()).finish_non_exhaustive()
    }
}

/// What the server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

impl Client {
    pub(super) fn new(options: OpenBaoOptions) -> Result<Self> {
        let unusable = |what: &str| error::locked(format!("the address of the secrets server {what}"));
        let address = Url::parse(&options.address).map_err(|_| unusable("is no URL"))?;
        match address.scheme() {
            "https" => {}
            "http" if is_this_machine(&address) => {}
            "http" => return Err(unusable("is not https, and not of this machine")),
            _ => return Err(unusable("is not https")),
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        let mut token = HeaderValue::from_str(options.token.expose_secret())
            .map_err(|_| error::locked("the token of the secrets server has characters that no token has"))?;
        token.set_sensitive(true);
        headers.insert("x-vault-token", token);
        if let Some(namespace) = &options.namespace {
            let namespace = HeaderValue::from_str(namespace)
                .map_err(|_| error::locked("the namespace of the secrets server has characters that none has"))?;
            headers.insert("x-vault-namespace", namespace);
        }
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::internal("making an HTTP client", error);
        // Named: with two providers in one build an unnamed one panics.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(|error| failed(error.into()))?
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(headers)
            // The token goes to this address and nowhere else.
            .redirect(Policy::none())
            .no_proxy()
            .timeout(options.timeout)
            .build()
            .map_err(|error| failed(error.into()))?;
        Ok(Self { http, address })
    }

    /// Calls `/v1/{path}`. A path is made of names that need no escapes.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let url = self.address.join(&format!("/v1/{path}")).map_err(|error| Error::internal("making a URL", error))?;
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let unreachable = |error: reqwest::Error| {
            // Without its URL: paths have names of owners in them.
            Error::new(ErrorCode::StoreUnavailable, "the secrets server does not answer")
                .with_source(error.without_url())
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = Zeroizing::new(response.bytes().await.map_err(unreachable)?.to_vec());
        match status {
            StatusCode::FORBIDDEN => Err(error::locked("the secrets server refuses the token")
                .with_hint("give a token whose policy allows reading and writing the paths of this vault")),
            status
                if status.is_server_error() || status.is_redirection() || status == StatusCode::TOO_MANY_REQUESTS =>
            {
                let message = format!("the secrets server answers with status {}", status.as_u16());
                Err(Error::new(ErrorCode::StoreUnavailable, message))
            }
            _ => Ok(Answer { status, body }),
        }
    }
}

impl Answer {
    /// Reads the body; what it holds is wiped as far as the caller's type wipes it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        // The cause would quote what it does not understand.
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::internal("the secrets server's answer is not understood", position(&error)))
    }

    /// Says whether the server's errors have this text.
    pub(super) fn complains_of(&self, text: &str) -> bool {
        std::str::from_utf8(&self.body).is_ok_and(|body| body.contains(text))
    }

    /// Refuses every status but success.
    pub(super) fn successful(self, what: &str) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(error::locked(format!("the secrets server refuses to {what}, with status {}", self.status.as_u16()))
            .with_hint("check that the engine is mounted there, and what the token's policy allows"))
    }
}

/// A parser's error without what it quotes.
fn position(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

fn is_this_machine(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_plain_http_to_this_machine_only() {
        for address in ["http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost", "https://vault.example"] {
            assert!(Client::new(OpenBaoOptions::new(address, "token")).is_ok(), "{address}");
        }
        for address in
            ["http://vault.example", "http://10.0.0.1", "ftp://localhost", "http://127.0.0.1.example", "vault"]
        {
            let error = Client::new(OpenBaoOptions::new(address, "token")).unwrap_err();
            assert_eq!(error.code(), ErrorCode::VaultLocked, "{address}");
        }
    }

    #[test]
    fn nothing_prints_the_token() {
        let options = OpenBaoOptions::new("http://user:canary@localhost", "canary");
        let client = Client::new(options.clone()).unwrap();
        assert!(!format!("{client:?} {:?}", options.token).contains("canary"));
    }
}
