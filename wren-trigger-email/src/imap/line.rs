//! The bytes to and from a server.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

/// A connection, in the clear or under TLS.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that ends when the server sends more than it may, and that puts a secret where its placeholder is written:
/// the IMAP library logs, at its lowest level, all that it is given to send.
pub(crate) struct Line {
    io: Box<dyn Io>,
    /// How many bytes the server may still send.
    allowed: u64,
    secret: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// What is written in place of what was given, and how much of it has been.
    instead: Option<(Zeroizing<Vec<u8>>, usize)>,
}

impl Line {
    pub(super) fn new(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), allowed: 0, secret: None, instead: None }
    }

    /// Lets the server send so many bytes from now on.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// Writes the secret, once, where the placeholder is to be written.
    pub(super) fn put_secret(&mut self, placeholder: Vec<u8>, secret: Zeroizing<Vec<u8>>) {
        self.secret = Some((placeholder, secret));
    }

    pub(super) fn into_io(self) -> Box<dyn Io> {
        self.io
    }

    fn with_secret(&mut self, given: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (placeholder, _) = self.secret.as_ref()?;
        let at = given.windows(placeholder.len()).position(|window| window == placeholder.as_slice())?;
        let (placeholder, secret) = self.secret.take()?;
        // All room at once: a buffer that grows leaves copies behind.
        let mut whole = Zeroizing::new(Vec::with_capacity(given.len() + secret.len()));
        whole.extend_from_slice(&given[..at]);
        whole.extend_from_slice(&secret);
        whole.extend_from_slice(&given[at + placeholder.len()..]);
        Some(whole)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Line").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        let read = (buffer.filled().len() - before) as u64;
        match this.allowed.checked_sub(read) {
            Some(left) => {
                this.allowed = left;
                Poll::Ready(Ok(()))
            }
            None => {
                // Who gets an error gets no bytes.
                buffer.set_filled(before);
                Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()))
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, given: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.instead.is_none() {
            this.instead = this.with_secret(given).map(|whole| (whole, 0));
        }
        let Some((whole, written)) = &mut this.instead else {
            return Pin::new(&mut this.io).poll_write(context, given);
        };
        while *written < whole.len() {
            match ready!(Pin::new(&mut this.io).poll_write(context, &whole[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *written += more,
            }
        }
        this.instead = None;
        Poll::Ready(Ok(given.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_secret_stands_where_its_placeholder_was_written_once() {
        // A pipe that takes three bytes at a time, so that writing goes on where it stopped.
        let (ours, mut theirs) = tokio::io::duplex(3);
        let mut line = Line::new(ours);
        line.put_secret(b"HERE".to_vec(), Zeroizing::new(b"pass word".to_vec()));
        let writer = tokio::spawn(async move {
            line.write_all(b"LOGIN \"HERE\"").await.unwrap();
            line.write_all(b" HERE").await.unwrap();
        });
        let mut seen = String::new();
        theirs.read_to_string(&mut seen).await.unwrap();
        writer.await.unwrap();
        assert_eq!(seen, "LOGIN \"pass word\" HERE");
    }

    #[tokio::test]
    async fn a_server_that_sends_more_than_it_may_is_cut_off() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(&[7; 10]).await.unwrap();
        drop(theirs);
        let mut line = Line::new(ours);
        line.allow(9);
        let error = line.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }
}
