//! Which addresses are nobody's but this machine's or this network's, and so out of a script's reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Says why an address is refused: it is not on the public internet. `None` for one that is.
///
/// The registries: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
pub(crate) fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "unspecified",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        // Carrier-grade NAT (RFC 6598), where some clouds have their metadata.
        [100, 64..=127, ..] => "shared",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local",
        // Azure's metadata stands at a public address.
        [168, 63, 129, 16] => "link-local",
        [192, 0, 0, _] | [192, 88, 99, _] => "reserved",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "documentation",
        [198, 18..=19, ..] => "benchmarking",
        [224..=239, ..] => "multicast",
        [255, 255, 255, 255] => "broadcast",
        [240..=255, ..] => "reserved",
        _ => return None,
    })
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        // Another spelling of an IPv4 address, and one that a NAT64 gateway makes an IPv4 address of (RFC 6052): as that one.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => return refusal_v4(embedded(address)),
        // IPv4-compatible (RFC 4291) and IPv4-translated (RFC 2765): of no use to anyone but an attacker.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => "reserved",
        [0xfc00..=0xfdff, ..] => "private",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xfec0..=0xfeff, ..] => "site-local",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "documentation",
        [0x2001, 2, 0, ..] => "benchmarking",
        // Tunnels to any IPv4 address: Teredo (RFC 4380) and 6to4 (RFC 3056). Both are dead.
        [0x2001, 0, ..] | [0x2002, ..] => "tunnel",
        // The rest of what the IETF keeps for protocols.
        [0x2001, 0..=0x1ff, ..] => "reserved",
        // ISATAP (RFC 5214): the IPv4 address at the end of a tunnel.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, ..] => return refusal_v4(embedded(address)),
        [0x2000..=0x3fff, ..] => return None,
        // No address is given out of what is left, local-use NAT64 (RFC 8215) and discard-only (RFC 6666) included.
        _ => "reserved",
    })
}

/// Returns the address that packets go to: the IPv4 address that another spelling or a NAT64 gateway makes of an IPv6 one.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => embedded(address).into(),
            [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, ..] => embedded(address).into(),
            _ => address.into(),
        },
        IpAddr::V4(_) => address,
    }
}

/// The IPv4 address in the last four bytes.
fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_public_internet_is_refused() {
        for (text, why) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "shared"),
            ("100.100.100.200", "shared"),
            ("100.127.255.255", "shared"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"),
            ("168.63.129.16", "link-local"),
            ("192.0.0.192", "reserved"),
            ("192.88.99.1", "reserved"),
            ("192.0.2.1", "documentation"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "link-local"),
            ("::ffff:a00:1", "private"),
            ("::127.0.0.1", "reserved"),
            ("::8.8.8.8", "reserved"),
            ("::ffff:0:127.0.0.1", "reserved"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::8.8.8.8", "reserved"),
            ("100::1", "reserved"),
            ("fc00::1", "private"),
            ("fd12:3456::1", "private"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("2001:db8::1", "documentation"),
            ("3fff:fff::1", "documentation"),
            ("2001:2::1", "benchmarking"),
            ("2001::1", "tunnel"),
            ("2001:0:7f00:1::", "tunnel"),
            ("2002:7f00:1::1", "tunnel"),
            ("2001:10::1", "reserved"),
            ("2a00:1450::5efe:10.0.0.1", "private"),
            ("4000::1", "reserved"),
        ] {
            assert_eq!(refusal(text.parse().unwrap()), Some(why), "{text}");
        }
    }

    #[test]
    fn what_is_public_is_not() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "169.253.0.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2606:4700:4700::1111",
            "2a00:1450:4009:81f::200e",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(refusal(text.parse().unwrap()), None, "{text}");
        }
    }
}
