//! A provider of OAuth: npm `oidc-provider`, which rotates refresh tokens and ends the whole grant when it sees one twice.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Message, exchange};
use super::keeper::Keeper;

const SCRIPT: &str = include_str!("oidc_provider.mjs");
/// What the script prints once it answers.
const READY: &str = "listening on http://";
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a user is sent on before this gives up.
const REDIRECTS: usize = 10;

/// Both have characters that must be escaped in an `Authorization: Basic` header and in a form.
const CLIENT_ID: &str = "client:1 of/wren";
const CLIENT_SECRET: &str = "canary secret&=+%:";

/// What a provider is told at its start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OidcOptions {
    /// Where users are sent back to.
    pub redirect_uris: Vec<String>,
    /// What may be asked for beside `openid` and `offline_access`.
    pub scopes: Vec<String>,
    /// How long an access token is good.
    pub access_token_seconds: u32,
    /// Whether the client's secret comes in an `Authorization: Basic` header, and else in the body: the provider takes it
    /// in one way only.
    pub basic: bool,
}

impl OidcOptions {
    /// Takes the one address that users are sent back to; tokens are good for an hour, and the secret comes in a header.
    #[must_use]
    pub fn new(redirect_uri: impl Into<String>, scopes: &[&str]) -> Self {
        Self {
            redirect_uris: vec![redirect_uri.into()],
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            access_token_seconds: 3600,
            basic: true,
        }
    }

    /// Sets how long an access token is good.
    #[must_use]
    pub fn with_access_token_seconds(mut self, seconds: u32) -> Self {
        self.access_token_seconds = seconds;
        self
    }

    /// Has the client's secret come in the body.
    #[must_use]
    pub fn with_secret_in_body(mut self) -> Self {
        self.basic = false;
        self
    }
}

/// What the token URL was asked, as the provider itself counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// All requests, however they ended.
    pub requests: u64,
    /// Codes that were traded.
    pub codes: u64,
    /// Refresh tokens that were traded.
    pub refreshes: u64,
    /// Refusals, by the grant's type and the error: `refresh_token invalid_grant`.
    pub refused: BTreeMap<String, u64>,
}

/// A provider of a test's own on a free port of this machine alone, with one client and a user `ada`, who agrees to everything.
/// What it knows is in its memory; it ends with its value, or with the process.
#[derive(Debug)]
pub struct OidcProvider {
    keeper: Keeper,
    folder: PathBuf,
    address: SocketAddr,
}

impl OidcProvider {
    /// Starts a provider.
    ///
    /// # Errors
    /// Why it cannot: the machine lacks node or the package, or they failed.
    pub fn start(options: &OidcOptions) -> Result<Self, String> {
        let (node, package) = (find_node()?, find_package()?);
        let folder = tempfile::Builder::new()
            .prefix("wren-oidc-")
            .tempdir()
            .map_err(|error| format!("a temporary folder: {error}"))?
            // From here on the keeper deletes it.
            .keep();
        let (script, settings) = (folder.join("provider.mjs"), folder.join("settings.json"));
        let content = json!({
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "authentication": if options.basic { "client_secret_basic" } else { "client_secret_post" },
            "redirect_uris": options.redirect_uris,
            "scopes": options.scopes,
            "access_token_seconds": options.access_token_seconds,
        });
        for (file, content) in [(&script, SCRIPT), (&settings, content.to_string().as_str())] {
            std::fs::write(file, content).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        let server = [text(&node)?, text(&script)?, text(&package)?, text(&settings)?];
        let keeper = Keeper::start(&folder, None, &server)?;
        let address = wait(&folder, 1)?;
        Ok(Self { keeper, folder, address })
    }

    /// Returns the address that the provider listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the page on which users agree.
    #[must_use]
    pub fn authorize_url(&self) -> String {
        format!("http://{}/auth", self.address)
    }

    /// Returns where codes and refresh tokens are traded.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// Returns the id of the client that the provider knows.
    #[must_use]
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// Returns the secret of the client that the provider knows.
    #[must_use]
    pub fn client_secret(&self) -> &'static str {
        CLIENT_SECRET
    }

    /// Follows a page of the provider as the browser of a user does, with cookies; returns where the user is sent back to.
    ///
    /// # Panics
    /// When the provider shows a page instead.
    #[must_use]
    pub fn visit(&self, page: &str) -> String {
        let origin = format!("http://{}", self.address);
        let (mut cookies, mut page) = (BTreeMap::new(), page.to_owned());
        for _ in 0..REDIRECTS {
            let path = match page.strip_prefix(&origin) {
                Some(path) => path,
                None if page.starts_with('/') => &page,
                None => return page,
            };
            let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = self.call("GET", path, &format!("Cookie: {}\r\n", jar.join("; ")));
            for cookie in answer.headers("set-cookie") {
                let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            // One that is deleted comes as an empty one.
            cookies.retain(|_, value| !value.is_empty());
            page = answer.headers("location").next().unwrap_or_else(|| panic!("{path}: {answer:?}")).to_owned();
        }
        panic!("the provider sends the user on and on: {page}");
    }

    /// Returns the account of an access token that is good.
    ///
    /// # Panics
    /// When the provider does not answer.
    #[must_use]
    pub fn account_of(&self, access_token: &str) -> Option<String> {
        let answer = self.call("GET", "/me", &format!("Authorization: Bearer {access_token}\r\n"));
        match answer.status().unwrap() {
            401 => None,
            _ => Some(json_of(&answer)["account"].as_str().unwrap().to_owned()),
        }
    }

    /// Returns how many access tokens the resource has seen that were good, and how many that were not.
    ///
    /// # Panics
    /// When the provider does not answer.
    #[must_use]
    pub fn tokens_seen(&self) -> (u64, u64) {
        let seen = self.ask("GET", "/admin/seen");
        (seen["accepted"].as_u64().unwrap(), seen["refused"].as_u64().unwrap())
    }

    /// Returns what the token URL was asked.
    ///
    /// # Panics
    /// When the provider does not answer.
    #[must_use]
    pub fn grants(&self) -> Grants {
        let counts = self.ask("GET", "/admin/grants");
        let granted = |name: &str| counts["granted"][name].as_u64().unwrap_or_default();
        Grants {
            requests: counts["requests"].as_u64().unwrap(),
            codes: granted("authorization_code"),
            refreshes: granted("refresh_token"),
            refused: serde_json::from_value(counts["refused"].clone()).unwrap(),
        }
    }

    /// Revokes everything that users agreed to.
    ///
    /// # Panics
    /// When the provider does not answer.
    pub fn revoke(&self) {
        self.ask("POST", "/admin/revoke");
    }

    /// Ends all access tokens before their time.
    ///
    /// # Panics
    /// When the provider does not answer.
    pub fn end_access_tokens(&self) {
        self.ask("POST", "/admin/expire");
    }

    /// Sets how long the access tokens to come are good.
    ///
    /// # Panics
    /// When the provider does not answer.
    pub fn set_access_token_seconds(&self, seconds: u32) {
        self.ask("POST", &format!("/admin/ttl?seconds={seconds}"));
    }

    /// Sets whether users agree from now on.
    ///
    /// # Panics
    /// When the provider does not answer.
    pub fn set_leave(&self, given: bool) {
        self.ask("POST", &format!("/admin/leave?given={given}"));
    }

    /// Kills the provider: it forgets everything but its port.
    ///
    /// # Panics
    /// When there is nothing to stop.
    pub fn stop(&mut self) {
        self.keeper.end("KILL").unwrap();
    }

    /// Starts the provider again at the same address, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_again(&mut self) {
        let starts = addresses(&self.folder).len();
        self.keeper.start_again().unwrap();
        assert_eq!(wait(&self.folder, starts + 1), Ok(self.address));
    }

    fn ask(&self, method: &str, path: &str) -> Value {
        let answer = self.call(method, path, "");
        assert_eq!(answer.status().unwrap(), 200, "{path}: {answer:?}");
        json_of(&answer)
    }

    fn call(&self, method: &str, path: &str, headers: &str) -> Message {
        let host = self.address;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n"
        );
        exchange(self.address, request.as_bytes()).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn json_of(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// Waits until the server has started so many times; returns its address.
fn wait(folder: &Path, starts: usize) -> Result<SocketAddr, String> {
    let began = Instant::now();
    loop {
        if let Some(address) = addresses(folder).get(starts - 1) {
            return Ok(*address);
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("the server does not answer; its log says: {}", log(folder)));
        }
        // A bounded poll: the server has no other way to say that it is ready.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the addresses that the server has printed, one at each start.
fn addresses(folder: &Path) -> Vec<SocketAddr> {
    let log = log(folder);
    // Of a line that is still being written the address could be cut off.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| line.strip_prefix(READY)?.parse().ok()).collect()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

/// Finds node: where `WREN_TEST_NODE` says, or on the path.
fn find_node() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("WREN_TEST_NODE") {
        let named = PathBuf::from(named);
        return if named.exists() { Ok(named) } else { Err("WREN_TEST_NODE names no file".to_owned()) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("node"))
        .find(|program| program.exists())
        .ok_or_else(|| "`node` is not on the path, and WREN_TEST_NODE does not name it".to_owned())
}

/// Finds the package in the folder that `WREN_TEST_OIDC` names.
fn find_package() -> Result<PathBuf, String> {
    let how = "npm install --prefix FOLDER oidc-provider, and WREN_TEST_OIDC=FOLDER";
    let folder: OsString =
        std::env::var_os("WREN_TEST_OIDC").ok_or_else(|| format!("WREN_TEST_OIDC is not set ({how})"))?;
    let package = Path::new(&folder).join("node_modules").join("oidc-provider");
    if package.join("package.json").exists() {
        std::path::absolute(&package).map_err(|error| format!("{}: {error}", package.display()))
    } else {
        Err(format!("WREN_TEST_OIDC names a folder without the package ({how})"))
    }
}
