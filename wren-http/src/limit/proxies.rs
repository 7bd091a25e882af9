//! Proxies before this server, and whom they say a request comes from.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use wren_core::{Error, ErrorCode};

/// The header to which each proxy adds the address that it was asked from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// A proxy, or a network of them, whose word is taken on where a request comes from. Reads as `10.0.0.5`, `10.0.0.0/8` or
/// `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy {
    network: IpAddr,
    /// How many bits of it count, from the first on.
    bits: u32,
}

impl TrustedProxy {
    /// Says whether an address is one of these.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // A shift by all of the bits is none in Rust.
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for TrustedProxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::new(ErrorCode::InvalidRequest, "expected an address or a network, as 10.0.0.5 or 10.0.0.0/8")
                .with_hint("name the addresses that the proxy connects from")
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = match bits {
            Some(bits) if bits.bytes().all(|digit| digit.is_ascii_digit()) => bits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
            None => all,
        };
        // An IPv4 address within IPv6 stands behind 96 bits that say so.
        let network = address.to_canonical();
        let before = if network.is_ipv4() { all - 32 } else { 0 };
        match bits.checked_sub(before).filter(|_| bits <= all) {
            Some(bits) => Ok(Self { network, bits }),
            None => Err(wrong()),
        }
    }
}

/// Returns the address that a request comes from: that of the connection, or, where this is a trusted proxy, the last one in
/// `X-Forwarded-For` that is none. Whatever stands before that one the client itself may have written. What cannot be read, or
/// names nobody else, leaves the address of the connection.
pub(super) fn origin(connection: IpAddr, headers: &HeaderMap, trusted: &[TrustedProxy]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|proxy| proxy.contains(address));
    if !is_trusted(connection) {
        return connection;
    }
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        let Ok(value) = value.to_str() else { return connection };
        for text in value.rsplit(',') {
            match address(text.trim()) {
                Some(address) if is_trusted(address) => {}
                Some(address) => return address,
                None => return connection,
            }
        }
    }
    connection
}

/// Reads an address; some proxies add the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for (proxy, within, beyond) in [
            ("10.0.0.5", "10.0.0.5", "10.0.0.6"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.9.9.9", "::ffff:11.0.0.1"),
        ] {
            let parsed: TrustedProxy = proxy.parse().unwrap();
            assert!(parsed.contains(ip(within)) && !parsed.contains(ip(beyond)), "{proxy}");
        }
        for text in
            ["", "proxy", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/", "::1/129", "::ffff:10.0.0.0/8"]
        {
            assert!(text.parse::<TrustedProxy>().unwrap_err().hint().is_some(), "{text}");
        }
    }

    fn from(connection: &str, headers: &[&str]) -> IpAddr {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(FORWARDED_FOR, value.parse().unwrap());
        }
        origin(ip(connection), &map, &trusted)
    }

    #[test]
    fn only_a_proxy_is_believed_and_only_what_proxies_have_added() {
        assert_eq!(from("10.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(from("192.0.2.1", &["203.0.113.9"]), ip("192.0.2.1"), "a stranger says what he likes");
        assert_eq!(from("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), ip("203.0.113.9"), "as does a client");
        assert_eq!(from("10.0.0.1", &["x, 203.0.113.9, 10.0.0.2,10.0.0.3"]), ip("203.0.113.9"));
        assert_eq!(from("10.0.0.1", &["198.51.100.1", "203.0.113.9, 10.0.0.2"]), ip("203.0.113.9"));
        assert_eq!(from("fd00::1", &["2001:db8::1"]), ip("2001:db8::1"));
        assert_eq!(from("10.0.0.1", &["203.0.113.9:4711"]), ip("203.0.113.9"));
        assert_eq!(from("10.0.0.1", &["[2001:db8::1]:4711"]), ip("2001:db8::1"));
        assert_eq!(from("10.0.0.1", &["[2001:db8::1]"]), ip("2001:db8::1"));
    }

    #[test]
    fn without_an_address_that_can_be_read_it_is_the_connections() {
        for headers in [&[][..], &[""], &["unknown"], &["203.0.113.9, "], &["203.0.113.9, _hidden"], &["10.0.0.2"]] {
            assert_eq!(from("10.0.0.1", headers), ip("10.0.0.1"), "{headers:?}");
        }
        let mut map = HeaderMap::new();
        map.append(FORWARDED_FOR, axum::http::HeaderValue::from_bytes(b"203.0.113.9\xff").unwrap());
        assert_eq!(origin(ip("10.0.0.1"), &map, &["10.0.0.1".parse().unwrap()]), ip("10.0.0.1"));
    }
}
