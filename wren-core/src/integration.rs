//! The integrations that a platform knows by name, and where a user sets them up.

use std::fmt;

use async_trait::async_trait;

use crate::error::{Error, ErrorCode};
use crate::id::OwnerId;
use crate::vault::CredentialStatus;

/// An integration by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// The name that scripts import, as in `from wren import gmail`.
    pub name: String,
    /// The name that people read.
    pub title: String,
}

/// What a platform says about integrations.
#[derive(Debug, Default)]
pub struct IntegrationReport {
    /// What keeps a script from running; each error's details hold the `integration`.
    pub errors: Vec<Error>,
    /// What will keep it from running soon, or could not be found out.
    pub warnings: Vec<String>,
}

impl IntegrationReport {
    /// Adds what another report says.
    pub fn extend(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.warnings.extend(other.warnings);
    }
}

/// Finds out about a credential what a vault cannot know: whether the service still takes it, and for enough.
#[async_trait]
pub trait IntegrationProbe: fmt::Debug + Send + Sync + 'static {
    /// Asks about an owner's credential, which is there and has not ended as far as the vault knows. A service that cannot be
    /// asked is a warning and no error: a script is not to wait for it.
    async fn probe(&self, owner: &OwnerId, credential: &CredentialStatus) -> IntegrationReport;
}

/// The integrations of a platform, with the links that errors carry.
#[derive(Debug, Clone)]
pub struct IntegrationDirectory {
    public_url: String,
    docs_url: String,
    integrations: Vec<Integration>,
}

impl Default for IntegrationDirectory {
    /// Gmail and Slack, with links to the hosted service.
    fn default() -> Self {
        Self::new("https://wrens.ie", "https://docs.wrens.ie").with("gmail", "Gmail").with("slack", "Slack")
    }
}

impl IntegrationDirectory {
    /// Makes a directory without integrations. Both addresses are without a final slash.
    #[must_use]
    pub fn new(public_url: impl Into<String>, docs_url: impl Into<String>) -> Self {
        Self { public_url: public_url.into(), docs_url: docs_url.into(), integrations: Vec::new() }
    }

    /// Adds an integration.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, title: impl Into<String>) -> Self {
        self.integrations.push(Integration { name: name.into(), title: title.into() });
        self
    }

    /// Sets the address that users reach the platform by.
    #[must_use]
    pub fn with_public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = url.into();
        self
    }

    /// Returns the integration of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Integration> {
        self.integrations.iter().find(|integration| integration.name == name)
    }

    /// Returns all integrations.
    #[must_use]
    pub fn all(&self) -> &[Integration] {
        &self.integrations
    }

    /// Makes the error for a name that is no integration, with the nearest one as a hint.
    #[must_use]
    pub fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.integrations.iter().map(|integration| integration.name.as_str()).collect();
        let hint = match crate::suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known integrations: {}", names.join(", ")),
        };
        Error::new(ErrorCode::UnknownIntegration, format!("unknown integration `{name}`"))
            .with_hint(hint)
            .with_detail("integration", name)
    }

    /// Returns the page on which an integration is set up.
    #[must_use]
    pub fn setup_url(&self, name: &str) -> String {
        format!("{}/integrations/{name}/setup", self.public_url)
    }

    /// Makes the error for an integration that has no credentials.
    #[must_use]
    pub fn not_configured(&self, integration: &Integration) -> Error {
        Error::new(ErrorCode::IntegrationNotConfigured, format!("{} integration not configured", integration.title))
            .with_action_url(self.setup_url(&integration.name))
            .with_docs_url(format!("{}/integrations/{}", self.docs_url, integration.name))
            .with_detail("integration", integration.name.as_str())
    }

    /// Makes the error for an integration whose authorisation has ended.
    #[must_use]
    pub fn expired(&self, integration: &Integration) -> Error {
        Error::new(ErrorCode::OauthTokenExpired, format!("{} OAuth token has expired", integration.title))
            .with_action_url(format!("{}/integrations/{}/reauthorize", self.public_url, integration.name))
            .with_docs_url(format!("{}/integrations/{}", self.docs_url, integration.name))
            .with_detail("integration", integration.name.as_str())
    }

    /// Makes the error for a name that has no credential, whether or not it is an integration of the directory.
    #[must_use]
    pub fn without_credential(&self, name: &str) -> Error {
        self.find(name).map(|integration| self.not_configured(integration)).unwrap_or_else(|| {
            Error::new(ErrorCode::IntegrationNotConfigured, format!("`{name}` has no credential"))
                .with_detail("integration", name)
        })
    }

    /// Makes the error for a name whose credential has ended, whether or not it is an integration of the directory.
    #[must_use]
    pub fn ended_credential(&self, name: &str) -> Error {
        self.find(name).map(|integration| self.expired(integration)).unwrap_or_else(|| {
            Error::new(ErrorCode::OauthTokenExpired, format!("the credential of `{name}` has expired"))
                .with_detail("integration", name)
        })
    }
}
