//! Where connections come from, and what it means when none does.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A source of connections: a TCP listener, or what a test puts in its place.
pub(super) trait Accept: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection, and says whose it is where that is known. Dropping the future loses none.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Option<IpAddr>)>> + Send;
}

/// A TCP listener whose connections are given up when what was sent is not acknowledged for a while.
#[derive(Debug)]
pub(super) struct Tcp {
    pub(super) listener: TcpListener,
    pub(super) patience: Duration,
}

impl Accept for Tcp {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Option<IpAddr>)> {
        let (stream, address) = self.listener.accept().await?;
        // Answers are written at once: waiting for more to send would only add to their latency.
        let _ = stream.set_nodelay(true);
        // A client whose machine or network is gone says nothing, and a few heartbeats fit into the kernel's buffer: without
        // this the kernel would go on sending them for a quarter of an hour. Elsewhere its own limit has to do.
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(self.patience));
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

    #[tokio::test]
    async fn a_client_that_acknowledges_nothing_is_given_up_by_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_secs(60);
        let mut tcp = Tcp { listener, patience };
        let (ours, _theirs) = tokio::join!(tcp.accept(), TcpStream::connect(address));
        let (ours, address) = ours.unwrap();
        assert!(address.unwrap().is_loopback());
        assert_eq!(socket2::SockRef::from(&ours).tcp_user_timeout().unwrap(), Some(patience));
        assert!(ours.nodelay().unwrap());
    }

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
