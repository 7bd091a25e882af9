//! The HTTP client: a Wren's API as the commands use it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wren_core::{ErrorClass, ErrorCode};

use crate::config::Connection;
use crate::failure::{Failure, Problem, ProblemBody};
use crate::output::Output;

/// The code of a server that does not answer; the command line's own, since no server can send it.
pub(crate) const SERVER_UNREACHABLE: &str = "SERVER_UNREACHABLE";

/// An answer takes no longer than this: an import has 10 s, and may have to wait for others.
const PATIENCE: Duration = Duration::from_secs(90);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How often a question waits because there were too many, and for how long at most.
const WAITS: u32 = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Talks to one server.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    connection: Connection,
}

impl Client {
    /// Makes a client. Nothing is sent yet.
    pub(crate) fn new(connection: Connection, output: Output) -> Result<Self, Failure> {
        let url = Url::parse(&connection.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Failure::request(format!("`{}` is not an http or https address", connection.url)))?;
        let loopback = is_loopback(&url);
        if url.scheme() == "http" && !loopback && connection.api_key.is_some() {
            output.remark(format_args!("the API key travels unencrypted to {url}: use https"));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("wren/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(PATIENCE);
        if loopback {
            // A proxy has another loopback.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| Failure::internal("making the HTTP client", error))?;
        Ok(Self { http, connection })
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        self.send(Method::GET, path, query, None::<&Value>).await
    }

    /// Asks for something to be done.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// Removes something.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::DELETE, path, &[], None::<&Value>).await
    }

    /// Reads something together with the time that the server had.
    pub(crate) async fn get_dated<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, Option<DateTime<Utc>>), Failure> {
        let response = self.exchange(Method::GET, path, &[], None::<&Value>).await?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.to_utc());
        Ok((self.read(response).await?, date))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let response = self.exchange(method, path, query, body).await?;
        self.read(response).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&impl Serialize>,
    ) -> Result<Response, Failure> {
        let address = format!("{}{path}", self.connection.url);
        let mut url = Url::parse(&address).map_err(|error| Failure::internal(address.clone(), error))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        for _ in 0..WAITS {
            let response = self.ask(&method, &url, body).await?;
            // Who follows runs asks often, and can wait as well as anybody; what changes something is the caller's to repeat.
            match retry_after(&response).filter(|_| method == Method::GET) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(response),
            }
        }
        self.ask(&method, &url, body).await
    }

    async fn ask(&self, method: &Method, url: &Url, body: Option<&impl Serialize>) -> Result<Response, Failure> {
        let mut request = self.http.request(method.clone(), url.clone());
        if let Some(key) = &self.connection.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            // No content is as good as an empty object to a command that wants none of it.
            let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
            return serde_json::from_slice(text).map_err(|error| self.foreign(status, &error.to_string()));
        }
        match serde_json::from_slice::<ProblemBody>(&bytes) {
            Ok(body) => Err(self.explained(body.error)),
            Err(_) => Err(self.foreign(status, "the answer is not one of Wren's")),
        }
    }

    /// Adds what only the caller's side knows.
    fn explained(&self, mut problem: Problem) -> Failure {
        if problem.code == ErrorCode::InvalidApiKey.as_str() && self.connection.api_key.is_none() {
            problem.hint = Some(
                "no API key was sent: set WREN_API_KEY to a key made by `wren keys create --owner NAME --data DIR`, with \
                 the --data or --store of `wren serve`"
                    .to_owned(),
            );
        }
        problem.into()
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let reason = if error.is_timeout() { "it does not answer".to_owned() } else { innermost(error) };
        Problem::new(
            ErrorClass::InternalError,
            SERVER_UNREACHABLE,
            format!("cannot reach the server at {}: {reason}", self.connection.url),
        )
        .with_hint("is the server running? start one with `wren serve`, or name another with WREN_URL")
        .into()
    }

    fn foreign(&self, status: StatusCode, reason: &str) -> Failure {
        let message = format!("{} answered {status} and not as a Wren does: {reason}", self.connection.url);
        Problem::new(ErrorClass::InternalError, SERVER_UNREACHABLE, message)
            .with_hint("is WREN_URL the address of a Wren of this version?")
            .into()
    }
}

/// Returns how long a server that has had too many requests wants to be left alone, if that is soon over.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds =
        (response.status() == StatusCode::TOO_MANY_REQUESTS).then(|| response.headers().get(RETRY_AFTER))??;
    let wait = Duration::from_secs(seconds.to_str().ok()?.parse().ok()?);
    (wait <= LONGEST_WAIT).then_some(wait)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Returns the innermost cause, which says what happened; the outer ones say that something did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<Client, Failure> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(Connection { url: url.to_owned(), api_key: None }, Output::new(true))
    }

    #[tokio::test]
    async fn a_refused_connection_is_unreachable_and_says_how_to_start_a_server() {
        // A listener that is dropped leaves a port on which nobody listens.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = client(&format!("http://127.0.0.1:{port}")).unwrap();
        let failure = client.get::<Value>("/v1/deployments", &[]).await.unwrap_err();
        assert_eq!(failure.problem.code, SERVER_UNREACHABLE);
        assert_eq!(failure.problem.exit_code(), 4);
        assert!(failure.problem.hint.unwrap().contains("wren serve"));
    }

    #[test]
    fn an_address_that_is_none_is_the_callers_fault() {
        for url in ["wrens.ie", "ftp://wrens.ie", "http://"] {
            assert_eq!(client(url).unwrap_err().problem.exit_code(), 1, "{url}");
        }
    }

    #[test]
    fn a_client_for_https_can_be_made() {
        assert!(client("https://wrens.ie").is_ok());
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, is) in [("http://localhost:1", true), ("http://[::1]:1", true), ("http://10.0.0.1", false)] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), is, "{url}");
        }
    }
}
