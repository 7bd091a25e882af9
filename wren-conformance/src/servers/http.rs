//! HTTP by hand: one request on one connection needs no client, and this crate has none.

use std::io::{BufRead, BufReader, Error, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a peer may keep silent.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A request or an answer: its head, up to and with the empty line, and its body.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Reads a message whose length is announced; `None` when the peer has closed the connection before one.
    pub(super) fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let mut message = Self::default();
        loop {
            let read = from.read_line(&mut message.head)?;
            match read {
                0 if message.head.is_empty() => return Ok(None),
                0 => return Err(Error::other("the head has no end")),
                _ if message.head.ends_with("\r\n\r\n") => break,
                _ => {}
            }
        }
        let length = message.headers("content-length").next().and_then(|length| length.parse().ok());
        message.body = vec![0; length.unwrap_or_default()];
        from.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// Returns the values of a header, whose name is given in small letters.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter_map(move |(other, value)| other.eq_ignore_ascii_case(name).then_some(value.trim()))
    }

    /// Returns the status of an answer.
    pub(super) fn status(&self) -> Result<u16> {
        let status = self.head.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| Error::other("no HTTP answer"))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

/// Sends a request on a connection of its own; returns the answer.
pub(super) fn exchange(address: SocketAddr, request: &[u8]) -> Result<Message> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    Message::read(&mut BufReader::new(stream))?.ok_or_else(|| Error::other("closed without an answer"))
}
