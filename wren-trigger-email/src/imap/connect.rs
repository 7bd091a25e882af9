//! From the name of a server to a connection that has been greeted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_imap::Client;
use async_imap::imap_proto::{Response, Status};
use tokio::net::TcpStream;
use wren_core::{Error, ErrorCode, Result};

use super::fault::{Fault, wrong_setting};
use super::line::Line;
use super::session::within;
use super::tls::Tls;

/// How many bytes a server may send before somebody has logged in.
const FEW: u64 = 64 * 1024;

/// How a connection is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS from the first byte.
    Implicit,
    /// TLS after a word in the clear; never without.
    StartTls,
    /// None, to this machine alone.
    None,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
}

/// Connects to a server and hears its greeting.
pub(crate) async fn open(
    endpoint: &Endpoint,
    tls: &Tls,
    patience: Duration,
    allow_private: bool,
) -> Result<Client<Line>> {
    let Endpoint { host, port, security } = endpoint;
    let late = |_| Fault::Silent.into_error(host);
    let addresses = tokio::time::timeout(patience, addresses(host, *port)).await.map_err(late)??;
    allowed(endpoint, &addresses, allow_private)?;
    let tcp = tokio::time::timeout(patience, TcpStream::connect(addresses.as_slice())).await.map_err(late)?;
    let tcp = tcp.map_err(|error| unreachable(endpoint, error))?;
    // Commands are small, and each waits for an answer.
    let _ = tcp.set_nodelay(true);
    let mut line = match security {
        Security::Implicit => tokio::time::timeout(patience, tls.over(Box::new(tcp), host)).await.map_err(late)??,
        Security::StartTls | Security::None => Line::new(tcp),
    };
    line.allow(FEW);
    let mut client = Client::new(line);
    greeted(&mut client, patience).await.map_err(|fault| fault.into_error(host))?;
    if *security != Security::StartTls {
        return Ok(client);
    }
    let begun = within(patience, client.run_command_and_check_ok("STARTTLS", None)).await;
    begun.map_err(|fault| match fault {
        Fault::No(_) | Fault::Bad(_) => wrong_setting(
            format!("the mail server `{host}` does not know STARTTLS on port {port}"),
            "set the field `tls` to `implicit` and `port` to 993, if the server has that",
        ),
        fault => fault.into_error(host),
    })?;
    // What came in the clear after the answer is dropped with the client: nobody slips words in before TLS.
    let io = client.into_inner().into_io();
    let mut line = tokio::time::timeout(patience, tls.over(io, host)).await.map_err(late)??;
    line.allow(FEW);
    Ok(Client::new(line))
}

async fn greeted(client: &mut Client<Line>, patience: Duration) -> Result<(), Fault> {
    let greeting = tokio::time::timeout(patience, client.read_response()).await.map_err(|_| Fault::Silent)??;
    match greeting.as_ref().map(|greeting| greeting.parsed()) {
        Some(Response::Data { status: Status::Ok | Status::PreAuth, .. }) => Ok(()),
        Some(Response::Data { outcome, .. }) => {
            Err(Fault::No(super::fault::clean(outcome.information.as_deref().unwrap_or("no reason"))))
        }
        Some(_) => Err(Fault::Unreadable),
        None => Err(Fault::Lost),
    }
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let hint = "check the field `host`, and that this machine can look names up";
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => {
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(wrong_setting(format!("the mail server `{host}` has no address"), hint));
            }
            Ok(found)
        }
        // The machine's resolver says whether it has asked in vain, or could not ask.
        Err(error) if error.to_string().contains("Temporary failure") => {
            let message = format!("the name of the mail server `{host}` cannot be looked up now");
            Err(Error::new(ErrorCode::Internal, message).with_hint(hint).with_retryable(true).with_source(error))
        }
        Err(error) => {
            Err(wrong_setting(format!("the name of the mail server `{host}` is not known"), hint).with_source(error))
        }
    }
}

/// Refuses an address that an owner has no business to reach from here, and passwords in the clear on a network.
fn allowed(endpoint: &Endpoint, addresses: &[SocketAddr], allow_private: bool) -> Result<()> {
    let Endpoint { host, security, .. } = endpoint;
    if *security == Security::None && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(wrong_setting(
            format!("`{host}` is another machine, and `tls` is `none`"),
            "set the field `tls` to `implicit` or `starttls`",
        ));
    }
    if !allow_private && let Some(address) = addresses.iter().find(|address| !is_public(address.ip())) {
        tracing::info!(host, address = %address.ip(), "a mail server is not on the public internet");
        // What the name stands for in this network is nobody's business.
        let message = format!("`{host}` is not on the public internet");
        return Err(Error::new(ErrorCode::PermissionDenied, message)
            .with_hint("whoever runs this server can allow mail servers on private networks"));
    }
    Ok(())
}

/// Says whether an address is one of the public internet, by the registries of IANA for special-purpose addresses.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0 && c == 0))
        }
        IpAddr::V6(ip) => embedded(ip).map_or_else(
            // Only 2000::/3 is given out, and the first block of 2001:: and 2002:: hold other networks.
            || ip.segments()[0] & 0xe000 == 0x2000 && !(ip.segments()[0] == 0x2001 && ip.segments()[1] < 0x200),
            |inner| is_public(IpAddr::V4(inner)),
        ),
    }
}

/// Returns the IPv4 address that an IPv6 address stands for: mapped, 6to4 or NAT64.
fn embedded(ip: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let [a, b, c, d, .., g, h] = ip.segments();
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        std::net::Ipv4Addr::new(a, b, c, d)
    };
    match (a, b, c, d) {
        (0x2002, high, low, _) => Some(from(high, low)),
        (0x64, 0xff9b, 0, 0) => Some(from(g, h)),
        _ => ip.to_ipv4_mapped(),
    }
}

fn unreachable(endpoint: &Endpoint, error: std::io::Error) -> Error {
    let Endpoint { host, port, .. } = endpoint;
    Error::internal(format!("the mail server `{host}` cannot be reached on port {port}"), error)
        .with_hint("it is tried again by itself; if it stays so, check the fields `host` and `port`")
        .with_retryable(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_password_goes_in_the_clear_to_this_machine_alone() {
        let endpoint = |security| Endpoint { host: "mail".into(), port: 143, security };
        let (near, far) = (["127.0.0.1:143".parse().unwrap()], ["8.8.8.8:143".parse().unwrap()]);
        assert!(allowed(&endpoint(Security::None), &near, true).is_ok());
        assert!(allowed(&endpoint(Security::None), &far, true).unwrap_err().hint().unwrap().contains("starttls"));
        assert!(allowed(&endpoint(Security::StartTls), &far, false).is_ok());
        let denied = allowed(&endpoint(Security::Implicit), &near, false).unwrap_err();
        assert_eq!(denied.code(), ErrorCode::PermissionDenied);
    }
}
