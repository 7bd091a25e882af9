//! Where settings come from: flags win over variables, variables over a file, a file over the defaults.
//!
//! Clap joins flags, variables and defaults; what a file says is handed to it as defaults. Two exceptions: the file of the
//! current folder may have come with a repository that somebody else wrote, so a key from elsewhere never goes to the address
//! that it names, and it cannot tell a server where secrets go.

mod file;
mod grammar;
mod origin;

use secrecy::SecretString;

pub(crate) use self::file::ConfigFile;
pub(crate) use self::grammar::{defaulted, has_settings, with_defaults};
pub(crate) use self::origin::{Setting, Source, hide_password, settings};
use crate::args::GlobalArgs;
use crate::failure::Failure;

/// Where a server listens when nobody says otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:7878";

/// How to reach a server.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The address, without a final slash.
    pub(crate) url: String,
    /// The key, when there is one.
    pub(crate) api_key: Option<SecretString>,
}

/// Finds out how to reach the server.
pub(crate) fn connection(global: &GlobalArgs) -> Result<Connection, Failure> {
    let file = ConfigFile::load(global.config.as_deref())?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some((path, url)) = file.as_ref().and_then(ConfigFile::foreign_url)
        && given(&global.url).is_none()
        && given(&global.api_key).is_some()
    {
        return Err(misdirected(path, url));
    }
    let (url, api_key) = file.map(ConfigFile::into_connection).unwrap_or_default();
    let url = given(&global.url).or(url).unwrap_or_else(|| DEFAULT_URL.to_owned());
    Ok(Connection {
        url: url.trim_end_matches('/').to_owned(),
        api_key: given(&global.api_key).map(SecretString::from).or(api_key),
    })
}

/// Makes the refusal to send a key of one source to an address of another that the user may never have read.
fn misdirected(path: &str, url: &str) -> Failure {
    Failure::usage(
        format!(
            "the address {url} is from ./{path} and the API key from WREN_API_KEY or --api-key: it is not sent there"
        ),
        format!("if you trust that address, name it with --url or WREN_URL, or the file with --config {path}"),
    )
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
