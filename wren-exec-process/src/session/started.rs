//! What a session needs of the process it talks to.

use std::fmt;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// How a guest's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal ended it.
    Signal(i32),
    /// It, or a child of it, was ended for going over the memory limit.
    OutOfMemory,
    /// Nobody can say.
    Unknown,
}

/// A guest's process, as its launcher holds it.
///
/// Dropping it MUST end everything that runs on behalf of the guest, without waiting.
#[async_trait]
pub trait GuestProcess: fmt::Debug + Send {
    /// Waits until the guest has ended by itself. Cancelling the wait loses nothing.
    async fn wait(&mut self) -> Exit;

    /// Ends the guest and everything it started, and returns once nothing of it is left. When the guest had ended before,
    /// returns how.
    async fn kill(&mut self) -> Exit;
}

/// A two-way byte stream.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A started guest: its process, its channel, and the pipes of its descriptors 1 and 2.
pub struct Guest {
    /// The process.
    pub process: Box<dyn GuestProcess>,
    /// The host's end of the channel, whose number the guest got as its argument.
    pub channel: Box<dyn Duplex>,
    /// The reading end of the guest's descriptor 1.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// The reading end of the guest's descriptor 2.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guest").field("process", &self.process).finish_non_exhaustive()
    }
}
