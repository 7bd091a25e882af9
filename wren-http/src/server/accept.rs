//! Where connections come from, and what it means when none does.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A source of connections: a TCP listener, or what a test puts in its place.
pub(super) trait Accept: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection, and says whose it is where that is known. Dropping the future loses none.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Option<IpAddr>)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Option<IpAddr>)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // Answers are written at once: waiting for more to send would only add to their latency.
        let _ = stream.set_nodelay(true);
        Ok((stream, Some(address.ip())))
    }
}

/// What a failure to accept is about, which decides what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection that was to be accepted: the next one may be better at once.
    Connection,
    /// The machine, which lacks file descriptors or memory say: it may have them in a while.
    Machine,
    /// The listener, which will never accept anything.
    Listener,
}

impl Fault {
    /// Judges an error of `accept`. What nobody knows is taken for passing: a server that waits can be seen and mended,
    /// one that ends takes the runs in progress with it. Out of descriptors (`EMFILE`, `ENFILE`) is of that sort.
    pub(super) fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        use io::ErrorKind::{InvalidInput, Unsupported};
        match error.kind() {
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted => Self::Connection,
            // accept(2): `EINVAL` and `EOPNOTSUPP` say that the socket does not listen.
            InvalidInput | Unsupported => Self::Listener,
            _ => Self::Machine,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_does_not_listen_is_given_up() {
        for (name, number, fault) in [
            ("ECONNABORTED", 103, Fault::Connection),
            ("EINTR", 4, Fault::Connection),
            ("EMFILE", 24, Fault::Machine),
            ("ENFILE", 23, Fault::Machine),
            ("ENOBUFS", 105, Fault::Machine),
            ("ENOMEM", 12, Fault::Machine),
            ("EPERM", 1, Fault::Machine),
            ("ENETDOWN", 100, Fault::Machine),
            ("EINVAL", 22, Fault::Listener),
            ("EOPNOTSUPP", 95, Fault::Listener),
        ] {
            assert_eq!(Fault::of(&io::Error::from_raw_os_error(number)), fault, "{name}");
        }
    }
}
