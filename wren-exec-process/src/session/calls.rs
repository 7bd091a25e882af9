//! Host calls: many at once, bounded in number and bytes, never in the way of the log.

use std::sync::Mutex;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wren_core::guest::{self, AnsweredErrors, MAX_FRAME_BYTES};
use wren_core::host::{HostRequest, RunHost};
use wren_core::{Error, ErrorCode};

use super::frame;

/// How many calls of one run are carried at the same time; more wait.
const CONCURRENT: usize = 64;
/// How many calls may be open, waiting ones and unread answers included, before the guest is held to be broken.
const MAX_OPEN: usize = 1024;
/// How many bytes of open calls and unread answers a run may hold.
const MAX_OPEN_BYTES: usize = 4 * MAX_FRAME_BYTES;

/// A call of the guest.
#[derive(Debug)]
struct Call {
    id: u64,
    request: HostRequest,
    bytes: usize,
}

/// A frame on its way to the guest, with what it holds of the bounds.
#[derive(Debug)]
struct Reply {
    frame: Vec<u8>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Open {
    calls: usize,
    bytes: usize,
}

/// Takes calls and remembers how they were answered.
#[derive(Debug)]
pub(crate) struct Calls {
    queue: UnboundedSender<Call>,
    // Plain mutexes: none is held across an await.
    open: Mutex<Open>,
    answered: Mutex<AnsweredErrors>,
    greeted: Notify,
}

/// The other half of [`Calls`].
#[derive(Debug)]
pub(crate) struct CallQueue(UnboundedReceiver<Call>);

impl Calls {
    pub(crate) fn new() -> (Self, CallQueue) {
        let (queue, receiver) = unbounded_channel();
        (
            Self { queue, open: Mutex::default(), answered: Mutex::default(), greeted: Notify::new() },
            CallQueue(receiver),
        )
    }

    /// Takes a call, or says which bound it breaks.
    pub(crate) fn push(&self, id: u64, request: HostRequest, bytes: usize) -> Result<(), String> {
        {
            let mut open = lock(&self.open);
            if open.calls >= MAX_OPEN || open.bytes + bytes > MAX_OPEN_BYTES {
                return Err(format!("more than {MAX_OPEN} host calls, or {MAX_OPEN_BYTES} bytes of them, at once"));
            }
            open.calls += 1;
            open.bytes += bytes;
        }
        // The receiver lives as long as the session polls `serve`; afterwards nobody waits for an answer.
        let _ = self.queue.send(Call { id, request, bytes });
        Ok(())
    }

    /// Says that the guest is there, and may get its job.
    pub(crate) fn greet(&self) {
        self.greeted.notify_one();
    }

    /// Returns the errors that calls were answered with.
    pub(crate) fn take_answered(&self) -> AnsweredErrors {
        std::mem::take(&mut lock(&self.answered))
    }

    /// Writes `job` once the guest has spoken, then answers calls until the session drops it.
    pub(crate) async fn serve(
        &self,
        queue: CallQueue,
        host: Option<&RunHost>,
        job: Vec<u8>,
        writer: impl AsyncWrite + Unpin,
    ) {
        let (replies, written) = unbounded_channel();
        tokio::join!(self.answer(queue, host, replies), self.write(job, written, writer));
    }

    async fn answer(&self, CallQueue(mut queue): CallQueue, host: Option<&RunHost>, replies: UnboundedSender<Reply>) {
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(call) = queue.recv(), if running.len() < CONCURRENT => running.push(self.carry(call, host)),
                Some(reply) = running.next(), if !running.is_empty() => {
                    let _ = replies.send(reply);
                }
                else => return,
            }
        }
    }

    async fn carry(&self, call: Call, host: Option<&RunHost>) -> Reply {
        let answer = match host {
            Some(host) => host.call(call.request).await,
            None => {
                Err(Error::new(ErrorCode::InvalidRequest, "the platform cannot be called while a script is imported"))
            }
        };
        let frame = match answer {
            Ok(value) => frame::encode(&guest::reply_ok(call.id, value))
                .unwrap_or_else(|size| self.refuse(call.id, guest::answer_too_large(size))),
            Err(error) => self.refuse(call.id, error),
        };
        let bytes = call.bytes + frame.len();
        lock(&self.open).bytes += frame.len();
        Reply { frame, bytes }
    }

    fn refuse(&self, id: u64, error: Error) -> Vec<u8> {
        let reply = guest::reply_error(id, &error);
        lock(&self.answered).insert(error.code(), error);
        frame::encode(&reply).unwrap_or_default()
    }

    async fn write(&self, job: Vec<u8>, mut replies: UnboundedReceiver<Reply>, mut writer: impl AsyncWrite + Unpin) {
        // A guest that reads before it speaks might outlive this process with a job in hand: see the protocol.
        self.greeted.notified().await;
        // A guest that no longer reads shows as the end of its channel; there is nothing to report here.
        if writer.write_all(&job).await.is_err() {
            return;
        }
        drop(job);
        while let Some(reply) = replies.recv().await {
            if writer.write_all(&reply.frame).await.is_err() {
                return;
            }
            let mut open = lock(&self.open);
            open.calls -= 1;
            open.bytes -= reply.bytes;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while holding one of these, and counters stay meaningful if something did.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
