//! What is known of one service.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;
use wren_core::{Error, ErrorCode, Result};

use super::origin::Origin;

/// What is known of one service: where its requests go, where its credential stands in them, and how it is got.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct IntegrationSpec {
    /// The name that scripts and credentials use.
    pub name: String,
    /// The name that people read.
    pub title: String,
    /// Where requests may go; the first is where a path without one goes.
    pub origins: Vec<Origin>,
    /// Where the credential stands in a request.
    pub place: CredentialPlace,
    /// Headers that every request has.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The field of a JSON answer that is `false` when a request was refused although its status says 200.
    #[serde(default)]
    pub ok_field: Option<String>,
    /// How a user gives leave; without it the credential is a key that the user enters.
    #[serde(default)]
    pub oauth: Option<OauthSpec>,
    /// A request that costs nothing and tells whether the credential is good.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// The header of an answer that lists what the credential allows.
    #[serde(default)]
    pub scopes_header: Option<String>,
}

/// Where a credential stands in a request: in one header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialPlace {
    /// The header.
    pub header: String,
    /// What stands before the secret in it, say `Bearer `.
    #[serde(default)]
    pub prefix: String,
}

/// How a user gives leave: the authorisation code flow of RFC 6749 with PKCE (RFC 7636).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OauthSpec {
    /// The page on which the user gives leave.
    #[serde(deserialize_with = "url")]
    pub authorize_url: Url,
    /// Where codes and refresh tokens are traded for access tokens.
    #[serde(deserialize_with = "url")]
    pub token_url: Url,
    /// What is asked for and needed.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What is asked for besides, and can be done without.
    #[serde(default)]
    pub optional_scopes: Vec<String>,
    /// Scopes that hold others.
    #[serde(default)]
    pub implied_scopes: BTreeMap<String, Vec<String>>,
    /// What stands between scopes; a space unless the service has its own mind.
    #[serde(default = "space")]
    pub scope_separator: String,
    /// Parameters of the page besides those of the standard.
    #[serde(default)]
    pub authorize_parameters: BTreeMap<String, String>,
    /// The object in the answer that holds the token, where the answer itself may hold none.
    #[serde(default)]
    pub nested_token: Option<String>,
    /// The field of the answer that is `false` for a refusal with status 200.
    #[serde(default)]
    pub ok_field: Option<String>,
    /// Errors besides `invalid_grant` that say that a refresh token is of no use any more. Every other error may pass.
    #[serde(default)]
    pub ended_errors: Vec<String>,
}

impl OauthSpec {
    /// Returns all that is asked for.
    #[must_use]
    pub fn asked_scopes(&self) -> Vec<String> {
        self.scopes.iter().chain(&self.optional_scopes).cloned().collect()
    }

    /// Says whether what was granted holds a scope.
    #[must_use]
    pub fn holds(&self, granted: &[String], scope: &str) -> bool {
        granted.iter().any(|one| {
            one == scope || self.implied_scopes.get(one).is_some_and(|implied| implied.iter().any(|held| held == scope))
        })
    }
}

/// A request that tells whether a credential is good.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The path on the first origin.
    pub path: String,
}

fn url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(|error| serde::de::Error::custom(format!("`{text}`: {error}")))
}

fn space() -> String {
    " ".to_owned()
}

fn get() -> String {
    "GET".to_owned()
}

impl IntegrationSpec {
    /// Reads a file of the catalogue; `file` is for messages.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with the line when it is not such a file, or names no origin.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let invalid = |why: String| Error::new(ErrorCode::InvalidRequest, format!("{file}: {why}"));
        let spec: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if spec.origins.is_empty() {
            return Err(invalid("`origins` is empty".to_owned()));
        }
        let is_name = !spec.name.is_empty()
            && spec.name.len() <= 64
            && spec.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name {
            return Err(invalid(format!("`{}` is no name: use up to 64 of a to z, 0 to 9 and `_`", spec.name)));
        }
        Ok(spec)
    }

    /// Returns the URL of a path on the first origin.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is no path.
    pub fn url(&self, path: &str) -> Result<Url> {
        let none = || Error::new(ErrorCode::InvalidRequest, format!("`{}` has no origin", self.name));
        self.origins.first().ok_or_else(none)?.url(path)
    }

    /// Says whether requests of this integration may go to a URL.
    #[must_use]
    pub fn may_go_to(&self, url: &Url) -> bool {
        self.origins.iter().any(|origin| origin.holds(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_an_integration() {
        let text =
            "name = \"crm\"\ntitle = \"CRM\"\norigins = [\"https://crm.example\"]\nplace = { header = \"X-Key\" }\n";
        let spec = IntegrationSpec::parse("crm.toml", text).unwrap();
        assert!(spec.oauth.is_none() && spec.may_go_to(&Url::parse("https://crm.example/x").unwrap()));
        assert!(!spec.may_go_to(&Url::parse("https://crm.example.evil/x").unwrap()));
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_name_and_line() {
        for (text, part) in [
            ("name = \"crm\"\ntitel = \"CRM\"\n", "titel"),
            ("name = \"crm\"\ntitle = \"CRM\"\norigins = []\nplace = { header = \"X\" }\n", "`origins` is empty"),
            ("name = \"crm\"\ntitle = \"CRM\"\norigins = [\"crm\"]\nplace = { header = \"X\" }\n", "no origin"),
            ("name = \"C R\"\ntitle = \"CRM\"\norigins = [\"https://c\"]\nplace = { header = \"X\" }\n", "no name"),
        ] {
            let error = IntegrationSpec::parse("crm.toml", text).unwrap_err();
            assert!(error.message().contains("crm.toml") && error.message().contains(part), "{error}");
        }
    }
}
