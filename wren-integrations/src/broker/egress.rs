//! Which hosts a script may ask without a credential.

use std::fmt;

use async_trait::async_trait;
use url::Url;
use wren_core::egress::HostPattern;
use wren_core::host::RunContext;
use wren_core::{Error, ErrorCode, Result};

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
            ("xn--bcher-kva.example", "https://bücher.example"),
            ("127.0.0.1", "http://2130706433/"),
            ("[::1]", "http://[0:0::1]:80/"),
            ("[::ffff:192.0.2.1]", "http://[::ffff:c000:201]/"),
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
}
