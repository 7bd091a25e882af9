//! Where the server is and who calls: flags win over variables, variables over a file, a file over the defaults.
//!
//! Clap has joined flags and variables already. The one exception: the file of the current folder may have come with a
//! repository that somebody else wrote, so a key from elsewhere never goes to the address that it names.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use crate::args::GlobalArgs;
use crate::failure::Failure;
use crate::output::Output;

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

/// What a configuration file may say.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    url: Option<String>,
    api_key: Option<Secret>,
}

/// A secret as a file holds it.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Secret(SecretString);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConfigFile").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Finds out how to reach the server.
pub(crate) fn connection(global: &GlobalArgs, output: Output) -> Result<Connection, Failure> {
    let home = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let local = Path::new("wren.toml");
    let path = find(global.config.as_deref(), local, home.as_deref());
    let file = match &path {
        Some(path) => {
            let file = read(path)?;
            if file.api_key.is_some() && is_readable_by_others(path) {
                let path = path.display();
                output.remark(format_args!(
                    "{path} holds an API key and other users can read it: run `chmod 600 {path}`"
                ));
            }
            file
        }
        None => ConfigFile::default(),
    };
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let is_local = global.config.is_none() && path.as_deref() == Some(local);
    if let (true, None, Some(url), Some(_)) = (is_local, given(&global.url), &file.url, given(&global.api_key)) {
        return Err(misdirected(local, url));
    }
    let url = given(&global.url).or(file.url).unwrap_or_else(|| DEFAULT_URL.to_owned());
    Ok(Connection {
        url: url.trim_end_matches('/').to_owned(),
        api_key: given(&global.api_key).map(SecretString::from).or(file.api_key.map(|Secret(key)| key)),
    })
}

/// Makes the refusal to send a key of one source to an address of another that the user may never have read.
fn misdirected(local: &Path, url: &str) -> Failure {
    let path = local.display();
    Failure::usage(
        format!(
            "the address {url} is from ./{path} and the API key from WREN_API_KEY or --api-key: it is not sent there"
        ),
        format!("if you trust that address, name it with --url or WREN_URL, or the file with --config {path}"),
    )
}

/// Returns the file to read: the one asked for, whether it exists or not, else the first usual one that exists.
fn find(asked: Option<&Path>, local: &Path, home: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = asked {
        return Some(path.to_owned());
    }
    let usual = [Some(local.to_owned()), home.map(|home| home.join("wren/config.toml"))];
    usual.into_iter().flatten().find(|path| path.is_file())
}

fn read(path: &Path) -> Result<ConfigFile, Failure> {
    let named = |error: &dyn fmt::Display| Failure::request(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    // The parser's own message quotes the line, which may hold the key.
    toml::from_str(&text).map_err(|error: toml::de::Error| named(&error.message()))
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn global(config: &Path) -> GlobalArgs {
        GlobalArgs { json: false, url: None, api_key: None, config: Some(config.to_owned()) }
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wren.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_default() {
        let (_folder, path) = file("url = \"http://file:1/\"\napi_key = \"wren_file\"\n");
        let read = connection(&global(&path), Output::new(true)).unwrap();
        assert_eq!(read.url, "http://file:1");
        assert_eq!(read.api_key.unwrap().expose_secret(), "wren_file");

        let flags = GlobalArgs { url: Some("http://flag:2".to_owned()), ..global(&path) };
        assert_eq!(connection(&flags, Output::new(true)).unwrap().url, "http://flag:2");

        let (_folder, path) = file("");
        assert_eq!(connection(&global(&path), Output::new(true)).unwrap().url, DEFAULT_URL);
    }

    #[test]
    fn a_file_with_an_unknown_key_is_refused_without_showing_what_it_holds() {
        let (_folder, path) = file("api_keey = \"wren_secret\"\n");
        let failure = connection(&global(&path), Output::new(true)).unwrap_err();
        assert_eq!(failure.problem.exit_code(), 1);
        assert!(failure.problem.message.contains("api_keey"));
        assert!(!failure.problem.message.contains("wren_secret"));
    }

    #[test]
    fn a_file_asked_for_must_exist_while_the_usual_ones_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.toml");
        assert!(connection(&global(&missing), Output::new(true)).is_err());
        assert_eq!(find(None, &missing, Some(folder.path())), None);
        std::fs::create_dir(folder.path().join("wren")).unwrap();
        std::fs::write(folder.path().join("wren/config.toml"), "").unwrap();
        assert_eq!(find(None, &missing, Some(folder.path())), Some(folder.path().join("wren/config.toml")));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = file("");
        for (mode, open) in [(0o600, false), (0o644, true), (0o640, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_readable_by_others(&path), open, "{mode:o}");
        }
    }
}
