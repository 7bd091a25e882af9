//! This machine's own addresses and the networks that it is on, which are out of a script's reach even where they are public.
//!
//! A server with an address of the internet's listens on it for its neighbours, too, and a firewall that keeps the internet
//! out often lets its own network in.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use wren_core::{Error, Result};

use super::address;

/// How long a list of interfaces is believed. Addresses come and go with containers and tunnels.
const KEPT: Duration = Duration::from_secs(5);

/// An address of a network interface, with the length of its network's prefix in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// How many leading bits all addresses of the network share.
    pub prefix: u8,
}

/// Knows this machine's network interfaces.
pub trait Interfaces: fmt::Debug + Send + Sync + 'static {
    /// Returns the addresses of all interfaces. It MUST NOT block for long.
    ///
    /// # Errors
    /// Whatever hinders it.
    fn addresses(&self) -> io::Result<Vec<InterfaceAddress>>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemInterfaces;

impl Interfaces for SystemInterfaces {
    fn addresses(&self) -> io::Result<Vec<InterfaceAddress>> {
        let interfaces = if_addrs::get_if_addrs()?;
        Ok(interfaces
            .into_iter()
            .map(|interface| match interface.addr {
                if_addrs::IfAddr::V4(found) => InterfaceAddress { address: found.ip.into(), prefix: found.prefixlen },
                if_addrs::IfAddr::V6(found) => InterfaceAddress { address: found.ip.into(), prefix: found.prefixlen },
            })
            .collect())
    }
}

impl InterfaceAddress {
    /// Says why another address is out of reach for this one's sake.
    fn refusal(&self, other: IpAddr) -> Option<&'static str> {
        if address::plain(self.address) == other {
            return Some("one of this machine's own");
        }
        let (own, other, length): (u128, u128, u8) = match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return None,
        };
        // The other end of a line between two is no neighbourhood; and no prefix at all is that of tunnels to everywhere.
        let is_network = self.prefix > 0 && self.prefix < length - 1;
        let is_neighbour = is_network && (own ^ other) >> (length - self.prefix) == 0;
        is_neighbour.then_some("on this machine's network")
    }
}

/// The interfaces as they were a moment ago.
#[derive(Debug)]
pub(super) struct Networks {
    interfaces: Arc<dyn Interfaces>,
    // A plain mutex, held while the system is asked: that takes microseconds.
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    at: Instant,
    addresses: Vec<InterfaceAddress>,
}

impl Networks {
    /// Reads the interfaces for the first time.
    ///
    /// # Errors
    /// `INTERNAL` when they cannot be read: without them nobody knows what must be refused.
    pub(super) fn read(interfaces: Arc<dyn Interfaces>) -> Result<Self> {
        let addresses = interfaces.addresses();
        let addresses = addresses.map_err(|error| Error::internal("reading this machine's interfaces", error))?;
        Ok(Self { interfaces, known: Mutex::new(Known { at: Instant::now(), addresses }) })
    }

    /// Says why an address is refused; `None` for one that is neither of this machine nor of a network of its.
    pub(super) fn refusal(&self, other: IpAddr) -> Option<&'static str> {
        let other = address::plain(other);
        let mut known = self.known.lock();
        if known.at.elapsed() >= KEPT {
            known.at = Instant::now();
            match self.interfaces.addresses() {
                Ok(addresses) => known.addresses = addresses,
                // Those of before are the best guess.
                Err(error) => tracing::warn!(%error, "this machine's interfaces cannot be read"),
            }
        }
        known.addresses.iter().find_map(|own| own.refusal(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists of `address/prefix`, separated by spaces; one after the other, the last for ever.
    #[derive(Debug)]
    struct Listed(Mutex<Vec<&'static str>>);

    impl Interfaces for Listed {
        fn addresses(&self) -> io::Result<Vec<InterfaceAddress>> {
            let mut lists = self.0.lock();
            let list = if lists.len() > 1 { lists.remove(0) } else { lists[0] };
            if list == "broken" {
                return Err(io::Error::other("broken"));
            }
            let parse = |text: &str| {
                let (address, prefix) = text.split_once('/').unwrap();
                InterfaceAddress { address: address.parse().unwrap(), prefix: prefix.parse().unwrap() }
            };
            Ok(list.split(' ').map(parse).collect())
        }
    }

    fn networks(lists: &[&'static str]) -> Networks {
        Networks::read(Arc::new(Listed(Mutex::new(lists.to_vec())))).unwrap()
    }

    fn refusal(list: &'static str, other: &str) -> Option<&'static str> {
        networks(&[list]).refusal(other.parse().unwrap())
    }

    #[tokio::test]
    async fn this_machines_addresses_and_its_neighbours_are_refused() {
        const OWN: Option<&str> = Some("one of this machine's own");
        const NEAR: Option<&str> = Some("on this machine's network");
        let list = "127.0.0.1/8 10.0.0.4/24 51.15.8.20/24 2a01:4f8:1:2::2/64";
        for (other, refused) in [
            ("51.15.8.20", OWN),
            ("::ffff:51.15.8.20", OWN),
            ("64:ff9b::51.15.8.20", OWN),
            ("51.15.8.1", NEAR),
            ("64:ff9b::51.15.8.255", NEAR),
            ("51.15.9.1", None),
            ("51.15.7.255", None),
            ("2a01:4f8:1:2::2", OWN),
            ("2a01:4f8:1:2:ffff::1", NEAR),
            ("2a01:4f8:1:3::2", None),
            ("8.8.8.8", None),
        ] {
            assert_eq!(refusal(list, other), refused, "{other}");
        }
    }

    #[tokio::test]
    async fn a_line_between_two_or_to_everywhere_is_no_network() {
        for (list, own, other) in [
            ("51.15.8.20/32", "51.15.8.20", "51.15.8.21"),
            ("51.15.8.20/31", "51.15.8.20", "51.15.8.21"),
            ("51.15.8.20/0", "51.15.8.20", "8.8.8.8"),
            ("2a01:4f8::2/128", "2a01:4f8::2", "2a01:4f8::3"),
            ("2a01:4f8::2/127", "2a01:4f8::2", "2a01:4f8::3"),
            ("2a01:4f8::2/0", "2a01:4f8::2", "2606:4700::1"),
        ] {
            assert!(refusal(list, own).is_some(), "{list}");
            assert_eq!(refusal(list, other), None, "{list}");
        }
        assert!(refusal("51.15.8.20/30", "51.15.8.21").is_some());
        assert!(refusal("2a01:4f8::4/126", "2a01:4f8::5").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn interfaces_are_read_again_and_the_last_known_ones_stay() {
        let networks = networks(&["51.15.8.20/32", "51.15.8.21/32", "broken"]);
        let refused = |address: &str| networks.refusal(address.parse().unwrap()).is_some();
        assert!(refused("51.15.8.20") && !refused("51.15.8.21"));
        for _ in 0..2 {
            tokio::time::advance(KEPT).await;
            assert!(refused("51.15.8.21") && !refused("51.15.8.20"));
        }
    }

    #[test]
    fn a_machine_without_interfaces_to_read_has_no_broker() {
        assert!(Networks::read(Arc::new(Listed(Mutex::new(vec!["broken"])))).is_err());
        assert!(SystemInterfaces.addresses().unwrap().iter().any(|found| found.address.is_loopback()));
    }
}
