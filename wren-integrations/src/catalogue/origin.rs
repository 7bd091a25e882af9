//! Scheme, host and port (RFC 6454).

use std::fmt;

use serde::Deserialize;
use url::Url;
use wren_core::{Error, ErrorCode, Result};

/// Where requests may go: `https://host` or `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(Url);

impl Origin {
    /// Reads an origin.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is no `http` or `https` URL, or has more in it than scheme, host and port.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::new(ErrorCode::InvalidRequest, format!("`{text}` is no origin: {why}"))
                .with_hint("write scheme, host and, unless it is the usual one, port: https://api.example.com")
        };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(invalid("the scheme is neither https nor http"));
        }
        let has_more = !url.username().is_empty()
            || url.password().is_some()
            || url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some();
        if url.host_str().is_none() || has_more {
            return Err(invalid("it has a user, a path, a query or a fragment"));
        }
        Ok(Self(url))
    }

    /// Says whether a URL is of this origin.
    #[must_use]
    pub fn holds(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// Returns the URL of a path, which begins with `/`, on this origin.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the path leads elsewhere.
    pub fn url(&self, path: &str) -> Result<Url> {
        // Not quoted: a query may hold a secret.
        let invalid = || Error::new(ErrorCode::InvalidRequest, "the path is none, or leads to another host");
        if !path.starts_with('/') {
            return Err(invalid());
        }
        let url = self.0.join(path).map_err(|_| invalid())?;
        // `//host` would be another host.
        if self.holds(&url) { Ok(url) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for Origin {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_nothing_but_scheme_host_and_port() {
        for text in ["https://api.example.com", "http://127.0.0.1:80/", "https://[::1]:8443"] {
            assert!(Origin::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "api.example.com",
            "ftp://host",
            "https://user@host",
            "https://host/path",
            "https://host?q",
            "https://host#f",
            "file:///etc/passwd",
        ] {
            assert_eq!(Origin::parse(text).unwrap_err().code(), ErrorCode::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn a_path_stays_on_its_origin() {
        let origin = Origin::parse("https://api.example.com").unwrap();
        assert_eq!(origin.url("/v1/a?b=c").unwrap().as_str(), "https://api.example.com/v1/a?b=c");
        for path in ["//evil.example/x", "/\\evil.example/x", "https://evil.example/x", "@evil.example", "", "v1"] {
            assert!(origin.url(path).is_err(), "{path}");
        }
        assert!(origin.holds(&Url::parse("https://API.example.com:443/x").unwrap()));
        assert!(!origin.holds(&Url::parse("http://api.example.com/x").unwrap()));
        assert!(!origin.holds(&Url::parse("https://api.example.com:444/x").unwrap()));
    }
}
