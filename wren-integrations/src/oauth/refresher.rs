//! The next token of a credential that has ended (RFC 6749, section 6).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use wren_core::vault::{CredentialRefresher, NewCredential, Refreshing};
use wren_core::{Error, ErrorCode, Result};

use super::endpoint::Failure;
use super::providers::{OauthProviders, Provider};
use crate::measures;

/// The standard's word for a refresh token that has ended, was revoked, or was used before where once is all.
const ENDED: &str = "invalid_grant";

/// Gets next tokens for a vault, which asks once at a time for one credential.
#[derive(Debug, Clone)]
pub struct OauthRefresher {
    providers: OauthProviders,
}

impl OauthRefresher {
    /// Serves the integrations that the platform has a client of.
    #[must_use]
    pub fn new(providers: OauthProviders) -> Self {
        providers.names().for_each(measures::serving);
        Self { providers }
    }

    fn refused(&self, provider: &Provider, reason: String) -> Error {
        let integration = &provider.integration;
        if reason == ENDED || provider.spec.ended_errors.contains(&reason) {
            return self.providers.directory().expired(integration).with_detail("reason", reason);
        }
        // Say a client's secret that was changed at the provider: once the operator has set the new one, the same refresh
        // token works.
        let message = format!("{} refuses to renew a token with `{reason}`", integration.title);
        Error::new(ErrorCode::Internal, message)
            .with_hint(
                "check the client id and secret of this integration; tokens are renewed again once they are right",
            )
            .with_retryable(true)
    }
}

#[async_trait]
impl CredentialRefresher for OauthRefresher {
    fn serves(&self, integration: &str) -> bool {
        self.providers.serves(integration)
    }

    /// Returns what the provider answered: without a refresh token or scopes when these stay as they are.
    async fn refresh(&self, credential: &Refreshing, now: DateTime<Utc>) -> Result<NewCredential> {
        let provider = self.providers.find(&credential.integration)?;
        let grant = [("grant_type", "refresh_token"), ("refresh_token", credential.refresh_token.expose_secret())];
        let answer = match self.providers.endpoint().trade(provider, &grant).await {
            Ok(tokens) => Ok(tokens.into_credential(&credential.integration, now)),
            Err(Failure::Refused(reason)) => Err(self.refused(provider, reason)),
            Err(Failure::Trouble(error)) => Err(error),
        };
        measures::refreshed(&credential.integration, &answer);
        answer
    }
}
