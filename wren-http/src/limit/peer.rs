//! Where a request comes from.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;

/// The address that a connection comes from: of IPv6 the network of a /64, of which one host has all addresses.
///
/// Behind a proxy it is the proxy's. Headers that say otherwise are not believed: anybody can send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from(u128::from(address) >> 64 << 64).into()),
            address => Self(address),
        }
    }

    /// Returns whom this server, or axum's own, has found at the other end; `None` where the host of the router has not said.
    pub(crate) fn find(extensions: &Extensions) -> Option<Self> {
        let told = || extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| Self::of(address.ip()));
        extensions.get::<Self>().copied().or_else(told)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The peer of a request, where it is known.
#[derive(Debug)]
pub(crate) struct FromPeer(pub(crate) Option<Peer>);

impl<S: Sync> FromRequestParts<S> for FromPeer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Peer::find(&parts.extensions)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_place_whichever_of_its_addresses_it_uses() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.2"), peer("192.0.2.1"));
    }
}
