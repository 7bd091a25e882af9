//! Where a request comes from.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use super::proxies::origin;
use crate::api::Api;

/// The address that a request comes from: that of its connection, or the one that a
/// [trusted proxy](super::TrustedProxy) names. Any other's word on it is not believed: anybody can send a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Returns whom this server, or axum's own, has found at the other end, or who is behind that proxy; `None` where the host of
    /// the router has not said.
    pub(crate) fn find(api: &Api, extensions: &Extensions, headers: &HeaderMap) -> Option<Self> {
        let told = || extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| Self::of(address.ip()));
        let Self(connection) = extensions.get::<Self>().copied().or_else(told)?;
        Some(Self::of(origin(connection, headers, &api.trusted_proxies)))
    }

    /// Returns what stands for the whole host: of IPv6 the network of a /64, of which one host has all addresses.
    pub(super) fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
            address => address,
        }
    }

    /// Says whether it is this machine: a proxy on it that nobody has named, say, and then everybody at once.
    pub(super) fn is_here(self) -> bool {
        self.0.is_loopback()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.network().fmt(formatter)
    }
}

/// The peer of a request, where it is known.
#[derive(Debug)]
pub(crate) struct FromPeer(pub(crate) Option<Peer>);

impl FromRequestParts<Api> for FromPeer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self(Peer::find(api, &parts.extensions, &parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_place_whichever_of_its_addresses_it_uses() {
        let place = |text: &str| Peer::of(text.parse().unwrap()).network();
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
        assert_ne!(place("192.0.2.2"), place("192.0.2.1"));
    }

    #[test]
    fn this_machine_has_many_addresses() {
        for (text, is_here) in
            [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false)]
        {
            assert_eq!(Peer::of(text.parse().unwrap()).is_here(), is_here, "{text}");
        }
    }
}
