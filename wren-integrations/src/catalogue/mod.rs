//! The services that scripts may use, each one small file of data.

mod origin;
mod spec;

use std::collections::BTreeMap;

use wren_core::integration::IntegrationDirectory;
use wren_core::{Error, ErrorCode, Result};

pub use origin::Origin;
pub use spec::{CredentialPlace, IntegrationSpec, OauthSpec, Probe};

/// The files that come with the crate. Adding an integration is adding a file here.
const FILES: [(&str, &str); 4] = [
    ("gmail.toml", include_str!("files/gmail.toml")),
    ("slack.toml", include_str!("files/slack.toml")),
    ("anthropic.toml", include_str!("files/anthropic.toml")),
    ("openai.toml", include_str!("files/openai.toml")),
];

/// Integrations by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    specs: BTreeMap<String, IntegrationSpec>,
}

impl Catalogue {
    /// Makes a catalogue of what comes with the crate: Gmail, Slack, Anthropic and OpenAI.
    ///
    /// # Errors
    /// None, as a test shows: the files are part of the binary.
    pub fn built_in() -> Result<Self> {
        let mut catalogue = Self::default();
        for (file, text) in FILES {
            catalogue.add(IntegrationSpec::parse(file, text)?);
        }
        Ok(catalogue)
    }

    /// Adds an integration, in place of one of the same name.
    pub fn add(&mut self, spec: IntegrationSpec) {
        self.specs.insert(spec.name.clone(), spec);
    }

    /// Returns the integration of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&IntegrationSpec> {
        self.specs.get(name)
    }

    /// Returns all integrations, by name.
    pub fn all(&self) -> impl Iterator<Item = &IntegrationSpec> {
        self.specs.values()
    }

    /// Sends an integration's requests to another origin: a self-hosted server, or one of a test.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION` when there is none of that name; `INVALID_REQUEST` when the URL has more than an origin in it.
    pub fn set_base_url(&mut self, name: &str, url: &str) -> Result<()> {
        let origin = Origin::parse(url)?;
        let unknown = || Error::new(ErrorCode::UnknownIntegration, format!("unknown integration `{name}`"));
        self.specs.get_mut(name).ok_or_else(unknown)?.origins = vec![origin];
        Ok(())
    }

    /// Returns the directory that the deploy pipeline and errors use.
    #[must_use]
    pub fn directory(&self, public_url: impl Into<String>, docs_url: impl Into<String>) -> IntegrationDirectory {
        let empty = IntegrationDirectory::new(public_url, docs_url);
        self.all().fold(empty, |directory, spec| directory.with(&spec.name, &spec.title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_the_crate_can_be_read() {
        let catalogue = Catalogue::built_in().unwrap();
        let names: Vec<&str> = catalogue.all().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["anthropic", "gmail", "openai", "slack"]);
        let gmail = catalogue.find("gmail").unwrap().oauth.as_ref().unwrap();
        assert_eq!(gmail.authorize_parameters.get("access_type").map(String::as_str), Some("offline"));
        let directory = catalogue.directory("https://wrens.ie", "https://docs.wrens.ie");
        assert_eq!(directory.find("slack").unwrap().title, "Slack");
    }

    #[test]
    fn requests_go_to_another_origin_when_told_so_and_nowhere_else() {
        let mut catalogue = Catalogue::built_in().unwrap();
        catalogue.set_base_url("openai", "http://127.0.0.1:9").unwrap();
        let spec = catalogue.find("openai").unwrap();
        assert!(spec.url("/v1/models").unwrap().as_str() == "http://127.0.0.1:9/v1/models");
        assert!(catalogue.set_base_url("openai", "https://host/path").is_err());
        assert_eq!(
            catalogue.set_base_url("papyrus", "https://host").unwrap_err().code(),
            ErrorCode::UnknownIntegration
        );
    }
}
