//! How hosts are named that scripts may ask: in a script's `[tool.wren]` block, and in the platform's own settings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Error, ErrorCode, Result};

/// The longest name of a host, and of one of its labels (RFC 1035).
const MOST_NAME: usize = 253;
const MOST_LABEL: usize = 63;

/// A host with all its ports, or with `*.` in front every host below one.
///
/// A deploy and whoever sends requests read the same patterns with the same parser: what one takes, the other understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(Pattern);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// In lower case, without a final dot.
    Host(String),
    /// What is below it.
    Below(String),
    Address(IpAddr),
}

impl HostPattern {
    /// Reads `api.example.com`, `*.example.com`, `192.0.2.1` or `[2001:db8::1]`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with a hint when it is none of them.
    ///
    /// # Examples
    /// ```
    /// use wren_core::egress::HostPattern;
    ///
    /// let pattern = HostPattern::parse("*.example.com")?;
    /// assert!(pattern.holds("api.example.com") && !pattern.holds("example.com"));
    /// assert!(HostPattern::parse("api.example.com:8443").is_err());
    /// # Ok::<(), wren_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let refused =
            |hint: String| Err(Error::new(ErrorCode::InvalidRequest, format!("`{text}` is no host")).with_hint(hint));
        let meant = |host: &str| refused(format!("did you mean `{host}`?"));
        if let Some((_, rest)) = lower.split_once("://") {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = without_port(host).unwrap_or(host);
            return match Self::parse(host) {
                Ok(_) => meant(host),
                Err(_) => refused("give the host alone, such as `api.example.com`".to_owned()),
            };
        }
        if let Some(host) = without_port(&lower).filter(|host| Self::parse(host).is_ok()) {
            return refused(format!("a host is meant with all its ports: write `{host}`"));
        }
        if let Ok(address) = lower.parse::<Ipv6Addr>() {
            return meant(&format!("[{address}]"));
        }
        if let Some(address) = bracketed(&lower) {
            return Ok(Self(Pattern::Address(address.into())));
        }
        let (is_below, name) = match lower.strip_prefix("*.") {
            Some(name) => (true, without_dot(name)),
            None => (false, without_dot(&lower)),
        };
        if !name.is_ascii() {
            return refused("write names with other letters in Punycode, such as `xn--bcher-kva.example`".to_owned());
        }
        if !is_name(name) {
            return refused(
                "write `api.example.com`, or `*.example.com` for all below it; no path, no port".to_owned(),
            );
        }
        if !ends_in_a_number(name) {
            let name = name.to_owned();
            return Ok(Self(if is_below { Pattern::Below(name) } else { Pattern::Host(name) }));
        }
        // The URL standard takes it for an address, in whichever spelling; one is enough here.
        match name.parse::<Ipv4Addr>() {
            Ok(address) if !is_below => Ok(Self(Pattern::Address(address.into()))),
            Ok(_) => refused("nothing is below an address".to_owned()),
            Err(_) => refused("write an address as `192.0.2.1`".to_owned()),
        }
    }

    /// Says whether a host is meant, written as the URL standard does: in lower case, other letters in Punycode, an IPv6
    /// address in brackets.
    #[must_use]
    pub fn holds(&self, host: &str) -> bool {
        let host = without_dot(host);
        match &self.0 {
            Pattern::Host(name) => host == name,
            Pattern::Below(name) => is_below(host, name),
            Pattern::Address(IpAddr::V4(address)) => host.parse() == Ok(*address),
            Pattern::Address(IpAddr::V6(address)) => bracketed(host) == Some(*address),
        }
    }

    /// Says whether every host of another pattern is one of this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Pattern::Below(name), Pattern::Below(other)) => name == other || is_below(other, name),
            (Pattern::Below(name), Pattern::Host(other)) => is_below(other, name),
            (one, other) => one == other,
        }
    }
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// `example.com.` is the same host as `example.com`.
fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Returns what stands before a port; `None` when there is none.
fn without_port(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    // An address without brackets has colons of its own.
    let has_port = port.bytes().all(|byte| byte.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']'));
    has_port.then_some(host)
}

fn bracketed(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_name(name: &str) -> bool {
    let fits = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= MOST_LABEL && label.bytes().all(is_plain)
    };
    name.len() <= MOST_NAME && name.split('.').all(fits)
}

/// The URL standard's "ends in a number": such a host is an IPv4 address, or none.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hexadecimal)
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Host(name) => formatter.write_str(name),
            Pattern::Below(name) => write!(formatter, "*.{name}"),
            Pattern::Address(IpAddr::V4(address)) => write!(formatter, "{address}"),
            Pattern::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_written_in_one_way() {
        for (text, written) in [
            ("api.example.com", "api.example.com"),
            (" API.Example.com. ", "api.example.com"),
            ("*.example.com", "*.example.com"),
            ("_srv.a-b.example", "_srv.a-b.example"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:DB8:0::1]", "[2001:db8::1]"),
            ("1.example", "1.example"),
        ] {
            let pattern = HostPattern::parse(text).unwrap();
            assert_eq!(pattern.to_string(), written);
            assert_eq!(HostPattern::parse(written).unwrap(), pattern);
            assert!(written.starts_with('*') || pattern.holds(written), "{written}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_a_hint() {
        for (text, hint) in [
            ("", "api.example.com"),
            ("*", "api.example.com"),
            ("*.", "api.example.com"),
            ("a.*.com", "api.example.com"),
            ("a..b", "api.example.com"),
            ("a b", "api.example.com"),
            ("a/b", "no path"),
            ("user@a.example", "api.example.com"),
            ("a%2eexample", "api.example.com"),
            ("a.example:8443", "write `a.example`"),
            ("*.a.example:8443", "write `*.a.example`"),
            ("[::1]:80", "write `[::1]`"),
            ("a.example:", "write `a.example`"),
            ("a.example:port", "no port"),
            ("https://a.example", "did you mean `a.example`?"),
            ("https://A.example:8443/x?y", "did you mean `a.example`?"),
            ("https://", "give the host alone"),
            ("::1", "did you mean `[::1]`?"),
            ("[::1", "api.example.com"),
            ("bücher.example", "Punycode"),
            ("*.127.0.0.1", "nothing is below an address"),
            ("2130706433", "192.0.2.1"),
            ("0177.0.0.1", "192.0.2.1"),
            ("127.1", "192.0.2.1"),
            ("0x7f.0.0.0x1", "192.0.2.1"),
            ("a.0x", "192.0.2.1"),
        ] {
            let error = HostPattern::parse(text).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{text}");
            assert!(error.hint().unwrap().contains(hint), "{text}: {:?}", error.hint());
        }
        assert!(HostPattern::parse(&format!("{}.example", "a".repeat(64))).is_err());
        assert!(HostPattern::parse(&["a"; 128].join(".")).is_err());
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
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("a.example", "b.example"),
            ("a.example", "*.a.example"),
            ("*.a.example", "*.example"),
            ("*.example", "192.0.2.1"),
        ] {
            assert!(!covers(one, other), "{one} {other}");
        }
    }
}
