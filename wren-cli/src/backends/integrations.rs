//! The integrations that a server knows, by the arguments: the catalogue, and the OAuth clients of the platform.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use url::Url;
use wren_core::integration::IntegrationDirectory;
use wren_core::{Error, ErrorCode};
use wren_integrations::{Catalogue, ClientAuthentication, IntegrationSpec, OauthClient, OauthOptions, OauthProviders};
use zeroize::Zeroizing;

use super::vaults::is_open_to_others;
use crate::args::BrokerArgs;
use crate::failure::Failure;

/// Where the pages about integrations are.
const DOCS_URL: &str = "https://docs.wrens.ie";
/// Where users connect integrations when no server is asked.
const HOSTED_URL: &str = "https://wrens.ie";

/// Returns the integrations that every server knows, before its arguments add to them.
pub(crate) fn built_in_directory() -> Result<IntegrationDirectory, Failure> {
    Ok(Catalogue::built_in()?.directory(HOSTED_URL, DOCS_URL))
}

/// The integrations of a server.
#[derive(Debug, Clone)]
pub(crate) struct Integrations {
    pub(crate) catalogue: Catalogue,
    pub(crate) directory: IntegrationDirectory,
    pub(crate) providers: OauthProviders,
}

impl Integrations {
    /// Reads the catalogue with what the arguments change in it, and the file of OAuth clients. `public_url` is where users
    /// reach the server.
    pub(crate) fn read(args: &BrokerArgs, clients: Option<&Path>, public_url: &str) -> Result<Self, Failure> {
        let mut catalogue = Catalogue::built_in()?;
        for file in &args.integration_files {
            let text = fs::read_to_string(file).map_err(|error| unusable(file, error))?;
            catalogue.add(IntegrationSpec::parse(&file.display().to_string(), &text)?);
        }
        for pair in &args.integration_urls {
            let (name, url) = pair.split_once('=').ok_or_else(|| {
                Error::new(ErrorCode::InvalidRequest, format!("`{pair}` is not NAME=URL"))
                    .with_hint("write it as openai=https://llm.example.com")
            })?;
            catalogue.set_base_url(name, url)?;
        }
        let directory = catalogue.directory(public_url, DOCS_URL);
        let mut options = OauthOptions::new(public_url, DOCS_URL);
        if let Some(file) = clients {
            options.clients = read_clients(file)?;
        }
        let providers = OauthProviders::new(&catalogue, options)?;
        Ok(Self { catalogue, directory, providers })
    }
}

/// A client as it stands in the file, under the name of its integration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientEntry {
    client_id: String,
    client_secret: Option<String>,
    #[serde(default)]
    authentication: Authentication,
    authorize_url: Option<String>,
    token_url: Option<String>,
    redirect_uri: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Authentication {
    #[default]
    Body,
    Basic,
}

/// Reads the file of OAuth clients, which holds their secrets and which others must not be able to read.
fn read_clients(file: &Path) -> Result<BTreeMap<String, OauthClient>, Failure> {
    let metadata = fs::metadata(file).map_err(|error| unusable(file, error))?;
    if is_open_to_others(&metadata) {
        let error = Error::new(ErrorCode::InvalidRequest, format!("{}: other users can read it", file.display()));
        return Err(error.with_hint(format!("run `chmod 600 {}`", file.display())).into());
    }
    let text = Zeroizing::new(fs::read_to_string(file).map_err(|error| unusable(file, error))?);
    let entries: BTreeMap<String, ClientEntry> = toml::from_str(&text).map_err(|error| {
        // The parser quotes the line, which may hold a secret.
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Error::new(ErrorCode::InvalidRequest, format!("{}:{line}: {}", file.display(), error.message()))
            .with_hint("write a table for each integration, as [gmail], with client_id and client_secret")
    })?;
    let clients = entries.into_iter().map(|(name, entry)| Ok((name.clone(), entry.into_client(&name)?)));
    clients.collect()
}

impl ClientEntry {
    fn into_client(self, name: &str) -> Result<OauthClient, Failure> {
        let mut client = match self.client_secret {
            Some(secret) => OauthClient::new(self.client_id, secret),
            None => OauthClient::public(self.client_id),
        };
        client = client.with_authentication(match self.authentication {
            Authentication::Body => ClientAuthentication::Body,
            Authentication::Basic => ClientAuthentication::Basic,
        });
        if let Some(url) = self.authorize_url {
            client = client.with_authorize_url(parse(name, "authorize_url", &url)?);
        }
        if let Some(url) = self.token_url {
            client = client.with_token_url(parse(name, "token_url", &url)?);
        }
        Ok(match self.redirect_uri {
            Some(uri) => client.with_redirect_uri(uri),
            None => client,
        })
    }
}

fn parse(name: &str, key: &str, url: &str) -> Result<Url, Error> {
    let invalid = |error| Error::new(ErrorCode::InvalidRequest, format!("`{key}` of [{name}] is no URL: {error}"));
    Url::parse(url).map_err(invalid)
}

fn unusable(file: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorCode::InvalidRequest, format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str, mode: u32) -> Result<BTreeMap<String, OauthClient>, Failure> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        read_clients(file.path())
    }

    #[test]
    fn a_file_holds_a_client_for_each_integration() {
        let text = "[gmail]\nclient_id = \"id\"\nclient_secret = \"canary\"\nauthentication = \"basic\"\n\
                    token_url = \"https://idp.example/token\"\n[slack]\nclient_id = \"s\"\n";
        let clients = read(text, 0o600).unwrap();
        assert_eq!(clients["gmail"].authentication, ClientAuthentication::Basic);
        assert_eq!(clients["gmail"].token_url.as_ref().unwrap().path(), "/token");
        assert!(clients["slack"].client_secret.is_none());
        assert!(!format!("{clients:?}").contains("canary"));
    }

    #[test]
    fn a_file_that_is_wrong_says_where_and_tells_no_secret() {
        let broken = read("[gmail]\nclient_id = \"id\"\nclient_secret = canary\n", 0o600).unwrap_err();
        assert!(broken.problem.message.contains(":3:"), "{broken:?}");
        assert!(!format!("{broken:?}").contains("canary"), "{broken:?}");
        let unknown = read("[gmail]\nclient_id = \"id\"\nsecret = \"canary\"\n", 0o600).unwrap_err();
        assert!(!format!("{unknown:?}").contains("canary"), "{unknown:?}");
        let open = read("", 0o644).unwrap_err();
        assert!(open.problem.hint.unwrap().starts_with("run `chmod 600"));
    }
}
