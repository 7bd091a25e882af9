//! Sends one request to one place: no redirect, no proxy, no cookies, no decompression, within time and size.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};
use wren_core::{Error, ErrorCode, Result};

use super::budget::{Budget, Share};
use super::failure;
use super::networks::Networks;
use super::options::BrokerOptions;
use super::resolve::{CheckedResolver, Reach, Resolver};

const AGENT: &str = concat!("wren/", env!("CARGO_PKG_VERSION"));

/// How long a connection to a provider is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// A request that is ready to be sent. It has no `Debug`: a credential may be in it.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What came back.
pub(super) struct Incoming {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// What the body holds of the memory for answers.
    pub(super) share: Share,
}

/// By when an exchange is over, redirects included.
pub(super) type Deadline = Instant;

/// Which connections a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// One of its own, so that no script can leave anything behind for the next one.
    Own,
    /// One that an earlier request to the same provider left open.
    Shared,
}

/// The HTTP clients. Which addresses they connect to is a property of each, not of a request.
pub(super) struct Transport {
    own: Clients,
    shared: Clients,
    networks: Arc<Networks>,
    /// How many bytes an answer's body may have.
    most: usize,
    budget: Budget,
}

struct Clients {
    public: Client,
    anything: Client,
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transport").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn new(resolver: &Arc<dyn Resolver>, networks: Networks, options: &BrokerOptions) -> Result<Self> {
        let networks = Arc::new(networks);
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::internal("making an HTTP client", error);
        let tls = crate::tls::client_config()?;
        let client = |reach, idle| {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(CheckedResolver::new(Arc::clone(resolver), reach, Arc::clone(&networks)))
                .redirect(Policy::none())
                // The environment's proxy would look names up itself.
                .no_proxy()
                // A small answer can be unpacked to any size. Named, should another crate turn a feature on.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .referer(false)
                .retry(reqwest::retry::never())
                .pool_max_idle_per_host(idle)
                .pool_idle_timeout(IDLE)
                .build()
                .map_err(|error| failed(error.into()))
        };
        let clients = |idle| {
            Ok::<_, Error>(Clients { public: client(Reach::Public, idle)?, anything: client(Reach::Anything, idle)? })
        };
        let budget = Budget::new(options.max_bytes_in_flight);
        Ok(Self { own: clients(0)?, shared: clients(8)?, networks, most: options.max_response_body, budget })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// `EGRESS_DENIED` for an address out of reach, `OUTPUT_LIMIT` for an answer that is too large, and what
    /// [`failure::upstream`] makes for a server that does not answer or not in time.
    pub(super) async fn send(&self, request: Outgoing, reach: Reach, lane: Lane, by: Deadline) -> Result<Incoming> {
        let url = request.url.clone();
        self.check_url(&url, reach)?;
        timeout_at(by, self.exchange(request, reach, lane, by)).await.unwrap_or_else(|_| Err(failure::timed_out(&url)))
    }

    async fn exchange(&self, request: Outgoing, reach: Reach, lane: Lane, by: Deadline) -> Result<Incoming> {
        let clients = match lane {
            Lane::Own => &self.own,
            Lane::Shared => &self.shared,
        };
        let client = match reach {
            Reach::Public => &clients.public,
            Reach::Anything => &clients.anything,
        };
        let Outgoing { method, url, mut headers, body } = request;
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let mut sending = client.request(method, url.clone()).headers(headers);
        if !body.is_empty() {
            sending = sending.body(body);
        }
        let failed = |error| failure::failed(&url, error);
        let too_large = || failure::too_large(url.host_str().unwrap_or_default(), self.most);
        let mut response = sending.send().await.map_err(failed)?;
        // What the server says of the length is believed when it is too much, and counted in any case.
        let told = response.content_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if told.is_some_and(|length| length > self.most) {
            return Err(too_large());
        }
        let (mut body, mut share) = (Vec::new(), Share::default());
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let size = body.len() + chunk.len();
            if size > self.most {
                return Err(too_large());
            }
            let growing = self.budget.grow(&mut share, size, told.unwrap_or(self.most));
            timeout_at(by, growing).await.map_err(|_| failure::no_room(&url))?;
            body.extend_from_slice(&chunk);
        }
        body.shrink_to_fit();
        share.shrink(body.len());
        Ok(Incoming { status: response.status(), headers: std::mem::take(response.headers_mut()), body, share })
    }

    /// Refuses what no request may go to.
    pub(super) fn check_url(&self, url: &Url, reach: Reach) -> Result<()> {
        check_url(url, reach, &self.networks)
    }
}

/// Refuses what no request may go to. An address in a URL is looked at here, since no name is looked up for it; the parser has
/// made one spelling of all: `2130706433`, `0x7f.1` and `0177.0.0.1` are `127.0.0.1` by now.
fn check_url(url: &Url, reach: Reach, networks: &Networks) -> Result<()> {
    let invalid = |message: &str, hint: &str| Err(Error::new(ErrorCode::InvalidRequest, message).with_hint(hint));
    if !matches!(url.scheme(), "http" | "https") {
        return invalid("only http and https URLs can be asked for", "begin the URL with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("the URL has a user or a password in it", "send an Authorization header instead");
    }
    let address = match url.host() {
        None => return invalid("the URL has no host", "write it as https://host/path"),
        Some(Host::Domain(_)) => return Ok(()),
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
    };
    reach.check(address, networks).map_err(|why| failure::out_of_reach(url, &why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::networks::SystemInterfaces;

    fn code(url: &str) -> Option<ErrorCode> {
        let networks = Networks::read(Arc::new(SystemInterfaces)).unwrap();
        check_url(&Url::parse(url).unwrap(), Reach::Public, &networks).err().map(|error| error.code())
    }

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://１２７.０.０.１/",
            "http://127。0。0。1/",
            "http:127.0.0.1",
            "http:\\\\127.0.0.1\\x",
            "http://0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[fd00:ec2::254]/latest/meta-data",
            "http://169.254.169.254/latest/meta-data",
            "http://2852039166/",
            "https://192.168.0.1:8443/",
        ] {
            assert_eq!(code(url), Some(ErrorCode::EgressDenied), "{url}");
        }
        for url in ["https://8.8.8.8/", "http://[2606:4700:4700::1111]/", "https://example.com/"] {
            assert_eq!(code(url), None, "{url}");
        }
    }

    #[test]
    fn only_the_web_without_a_user_is_asked() {
        for url in ["ftp://example.com/", "file:///etc/passwd", "data:,x", "gopher://example.com/", "unix:/run/x"] {
            assert_eq!(code(url), Some(ErrorCode::InvalidRequest), "{url}");
        }
        for url in ["https://user@example.com/", "https://:pass@example.com/", "https://example.com@127.0.0.1/"] {
            assert_eq!(code(url), Some(ErrorCode::InvalidRequest), "{url}");
        }
    }
}
