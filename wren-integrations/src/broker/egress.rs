//! Which hosts a script may ask without a credential.

use std::fmt;

use async_trait::async_trait;
use url::{Host, Url};
use wren_core::host::RunContext;
use wren_core::{Error, ErrorCode, Result};

/// A host, or with `*.` in front every host below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// Whether it is for what is below the host.
    below: bool,
    /// As the URL standard writes it: lower case, Unicode as Punycode, without a final dot.
    host: String,
}

impl HostPattern {
    /// Reads `api.example.com`, `*.example.com` or an address.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            Error::new(ErrorCode::InvalidRequest, format!("`{text}` is no host"))
                .with_hint("write a host such as `api.example.com`, or `*.example.com` for all below one")
        };
        let (below, host) = match text.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, text),
        };
        match Host::parse(host).map_err(|_| invalid())? {
            Host::Domain(host) if !host.contains('*') => Ok(Self { below, host: without_dot(&host).to_owned() }),
            host @ (Host::Ipv4(_) | Host::Ipv6(_)) if !below => Ok(Self { below, host: host.to_string() }),
            _ => Err(invalid()),
        }
    }

    /// Says whether a host is meant, written as the URL standard does.
    #[must_use]
    pub fn holds(&self, host: &str) -> bool {
        let host = without_dot(host);
        match self.below {
            true => host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            false => host == self.host,
        }
    }
}

impl HostPattern {
    /// Says whether every host of another pattern is one of this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self.below, other.below) {
            (_, false) => self.holds(&other.host),
            (true, true) => self.host == other.host || self.holds(&other.host),
            (false, true) => false,
        }
    }
}

/// `example.com.` is the same host as `example.com`.
fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.below { "*." } else { "" }, self.host)
    }
}

/// The hosts that a script may ask without a credential.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AllowedHosts {
    /// Every host on the public internet.
    #[default]
    AnyPublic,
    /// These only. They, too, must be on the public internet, unless the broker is told that they may be private.
    Only(Vec<HostPattern>),
    /// These only, and whatever the broker is told, on the public internet: for names that are a script's own word.
    OnlyPublic(Vec<HostPattern>),
}

impl AllowedHosts {
    /// Allows the hosts that are listed.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when one of them is none.
    pub fn only<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        hosts.into_iter().map(HostPattern::parse).collect::<Result<_>>().map(Self::Only)
    }

    /// Says whether a host is named, which is more than being one of many.
    pub(super) fn name(&self, url: &Url) -> bool {
        match self {
            Self::AnyPublic | Self::OnlyPublic(_) => false,
            Self::Only(hosts) => holds(hosts, url),
        }
    }

    /// Refuses a URL whose host is not allowed.
    pub(super) fn check(&self, url: &Url) -> Result<()> {
        let hosts = match self {
            Self::AnyPublic => return Ok(()),
            Self::Only(hosts) | Self::OnlyPublic(hosts) if holds(hosts, url) => return Ok(()),
            Self::Only(hosts) | Self::OnlyPublic(hosts) => hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        };
        let host = url.host_str().unwrap_or_default();
        let hint = match hosts.as_slice() {
            [] => {
                "this deployment may reach no host at all; use an integration, or ask for the host to be allowed".into()
            }
            hosts => format!("this deployment may reach {}; ask for other hosts to be allowed", hosts.join(", ")),
        };
        Err(Error::new(ErrorCode::EgressDenied, format!("the script may not reach `{host}`"))
            .with_hint(hint)
            .with_detail("host", host))
    }
}

fn holds(hosts: &[HostPattern], url: &Url) -> bool {
    url.host_str().is_some_and(|host| hosts.iter().any(|pattern| pattern.holds(host)))
}

/// Says which hosts a run may ask without a credential.
#[async_trait]
pub trait EgressPolicy: fmt::Debug + Send + Sync + 'static {
    /// Returns the hosts of a run.
    ///
    /// # Errors
    /// Whatever hinders it; the request is then not sent.
    async fn hosts(&self, context: &RunContext) -> Result<AllowedHosts>;
}

#[async_trait]
impl EgressPolicy for AllowedHosts {
    /// The same for everyone.
    async fn hosts(&self, _context: &RunContext) -> Result<AllowedHosts> {
        Ok(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, url: &str) -> bool {
        AllowedHosts::only([pattern]).unwrap().check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn a_pattern_holds_a_host_or_all_below_one() {
        for (pattern, url) in [
            ("api.example.com", "https://api.example.com/x"),
            ("API.example.com", "https://api.EXAMPLE.com:8443"),
            ("api.example.com.", "https://api.example.com"),
            ("api.example.com", "https://api.example.com./"),
            ("*.example.com", "https://a.example.com"),
            ("*.example.com", "https://a.b.example.com"),
            ("bücher.example", "https://xn--bcher-kva.example"),
            ("127.0.0.1", "http://2130706433/"),
            ("[::1]", "http://[0:0::1]:80/"),
        ] {
            assert!(allows(pattern, url), "{pattern} {url}");
        }
        for (pattern, url) in [
            ("api.example.com", "https://example.com"),
            ("api.example.com", "https://api.example.com.evil.example"),
            ("api.example.com", "https://a.api.example.com"),
            ("*.example.com", "https://example.com"),
            ("*.example.com", "https://evilexample.com"),
            ("*.example.com", "https://a.example.com.evil.example"),
            ("127.0.0.1", "http://127.0.0.2"),
        ] {
            assert!(!allows(pattern, url), "{pattern} {url}");
        }
    }

    #[test]
    fn a_pattern_covers_what_holds_no_more_hosts() {
        let covers =
            |one: &str, other: &str| HostPattern::parse(one).unwrap().covers(&HostPattern::parse(other).unwrap());
        for (one, other) in [
            ("a.example", "A.example"),
            ("*.example", "a.example"),
            ("*.example", "*.example"),
            ("*.example", "*.a.example"),
        ] {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in [("a.example", "b.example"), ("a.example", "*.a.example"), ("*.a.example", "*.example")] {
            assert!(!covers(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "*", "*.", "a.*.com", "*.127.0.0.1", "https://a.example", "a b", "a/b"] {
            assert_eq!(HostPattern::parse(text).unwrap_err().code(), ErrorCode::InvalidRequest, "{text}");
        }
    }
}
