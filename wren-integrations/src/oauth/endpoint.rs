//! Calls of token URLs.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret as _;
use url::form_urlencoded::{self, byte_serialize};
use wren_core::{Error, ErrorCode, Result};
use zeroize::Zeroizing;

use super::answer::{Answer, Tokens};
use super::client::ClientAuthentication;
use super::providers::Provider;

/// The longest answer that is read, in bytes. Tokens are a few kilobytes at most.
const LONGEST: usize = 64 * 1024;

/// What calls token URLs, of whatever provider.
#[derive(Clone)]
pub(super) struct TokenEndpoint(reqwest::Client);

/// Why there are no tokens.
pub(super) enum Failure {
    /// The provider refused, with an error of this name.
    Refused(String),
    /// The provider did not answer, or not as a provider does: a later attempt may succeed.
    Trouble(Error),
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenEndpoint")
    }
}

impl TokenEndpoint {
    pub(super) fn new(timeout: Duration) -> Result<Self> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::internal("making an HTTP client", error);
        let tls = crate::tls::client_config()?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // Codes and secrets go to the token URL and nowhere else.
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("wren/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .build()
            .map_err(|error| failed(error.into()))?;
        Ok(Self(http))
    }

    /// Trades a grant, which is the parameters of the body without those of the client.
    pub(super) async fn trade(&self, provider: &Provider, grant: &[(&str, &str)]) -> Result<Tokens, Failure> {
        let (status, body) = self.call(provider, grant).await.map_err(Failure::Trouble)?;
        let title = &provider.integration.title;
        if status.is_success() {
            return match Answer::read(&provider.spec, &body) {
                Some(Answer::Granted(tokens)) => Ok(tokens),
                Some(Answer::Refused(reason)) => Err(Failure::Refused(reason)),
                None => Err(Failure::Trouble(trouble(format!("the answer of {title}'s token URL is not understood")))),
            };
        }
        // Of these two even an answer in the standard's words says nothing about the grant.
        let may_pass = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if status.is_client_error()
            && !may_pass
            && let Some(reason) = Answer::refusal(&body)
        {
            return Err(Failure::Refused(reason));
        }
        let message = format!("{title}'s token URL answers with status {}", status.as_u16());
        Err(Failure::Trouble(trouble(message)))
    }

    async fn call(&self, provider: &Provider, grant: &[(&str, &str)]) -> Result<(StatusCode, Zeroizing<Vec<u8>>)> {
        let title = &provider.integration.title;
        let unreachable = |error: reqwest::Error| {
            trouble(format!("{title}'s token URL does not answer")).with_source(error.without_url())
        };
        let mut response = self.request(provider, grant).send().await.map_err(unreachable)?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(trouble(format!("the answer of {title}'s token URL is over {LONGEST} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }

    fn request(&self, provider: &Provider, grant: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let client = &provider.client;
        let mut request = self
            .0
            .post(provider.token_url.clone())
            // Some services answer with a form unless they are asked for the standard's JSON.
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(grant);
        match (&client.client_secret, client.authentication) {
            (Some(secret), ClientAuthentication::Basic) => {
                // Escaped first, says RFC 6749, section 2.3.1: a colon in an id would end it.
                let escape = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                request = request.basic_auth(escape(&client.client_id), Some(escape(secret.expose_secret())));
            }
            (secret, _) => {
                form.append_pair("client_id", &client.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose_secret());
                }
            }
        }
        request.body(form.finish())
    }
}

/// An error of which nothing is to be concluded but that the same may work later.
fn trouble(message: String) -> Error {
    Error::new(ErrorCode::Internal, message)
        .with_hint("try again later; when it stays, check the token URL and what the provider says of its state")
        .with_retryable(true)
}
