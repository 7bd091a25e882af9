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
/// How many bytes of calls and of answers a run may hold.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Of open calls; from as many bytes of unread answers on, no more calls are carried.
    open: usize,
    /// Of unread answers. What is being carried when the guest stops reading may all come back at once, and an answer that has
    /// come takes up memory whoever waits for it; one too many is therefore not kept.
    unread: usize,
}

const BOUNDS: Bounds = Bounds { open: 4 * MAX_FRAME_BYTES, unread: 16 * MAX_FRAME_BYTES };

/// A call of the guest.
#[derive(Debug)]
struct Call {
    id: u64,
    request: HostRequest,
    bytes: usize,
}

/// A frame on its way to the guest, with what its call held of the bounds.
#[derive(Debug)]
struct Reply {
    frame: Vec<u8>,
    asked: usize,
}

#[derive(Debug, Default)]
struct Open {
    calls: usize,
    /// Of the calls, until they are answered and the answer is read.
    asked: usize,
    /// Of the answers that are not read yet.
    unread: usize,
}

/// Takes calls and remembers how they were answered.
#[derive(Debug)]
pub(crate) struct Calls {
    bounds: Bounds,
    queue: UnboundedSender<Call>,
    // Plain mutexes: none is held across an await.
    open: Mutex<Open>,
    answered: Mutex<AnsweredErrors>,
    greeted: Notify,
    /// An answer was read.
    read: Notify,
}

/// The other half of [`Calls`].
#[derive(Debug)]
pub(crate) struct CallQueue(UnboundedReceiver<Call>);

impl Calls {
    pub(crate) fn new() -> (Self, CallQueue) {
        Self::within(BOUNDS)
    }

    fn within(bounds: Bounds) -> (Self, CallQueue) {
        let (queue, receiver) = unbounded_channel();
        (
            Self {
                bounds,
                queue,
                open: Mutex::default(),
                answered: Mutex::default(),
                greeted: Notify::new(),
                read: Notify::new(),
            },
            CallQueue(receiver),
        )
    }

    /// Takes a call, or says which bound it breaks.
    pub(crate) fn push(&self, id: u64, request: HostRequest, bytes: usize) -> Result<(), String> {
        {
            let mut open = lock(&self.open);
            if open.calls >= MAX_OPEN || open.asked + bytes > self.bounds.open {
                let most = self.bounds.open;
                return Err(format!("more than {MAX_OPEN} host calls, or {most} bytes of them, at once"));
            }
            open.calls += 1;
            open.asked += bytes;
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
            // A guest that does not read gets nothing more to read.
            let is_full = lock(&self.open).unread >= self.bounds.open;
            tokio::select! {
                Some(call) = queue.recv(), if running.len() < CONCURRENT && !is_full => {
                    running.push(self.carry(call, host));
                }
                () = self.read.notified(), if is_full => {}
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
        let mut frame = match answer {
            Ok(value) => frame::encode(&guest::reply_ok(call.id, value))
                .unwrap_or_else(|size| self.refuse(call.id, guest::answer_too_large(size))),
            Err(error) => self.refuse(call.id, error),
        };
        let mut open = lock(&self.open);
        if open.unread + frame.len() > self.bounds.unread {
            drop(open);
            frame = self.refuse(call.id, too_much_unread(self.bounds.unread));
            open = lock(&self.open);
        }
        open.unread += frame.len();
        Reply { frame, asked: call.bytes }
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
            open.asked -= reply.asked;
            open.unread -= reply.frame.len();
            drop(open);
            self.read.notify_one();
        }
    }
}

fn too_much_unread(most: usize) -> Error {
    let message = format!("more than {most} bytes of answers wait for the script");
    Error::new(ErrorCode::OutputLimit, message).with_hint("make fewer calls with large answers at the same time")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while holding one of these, and counters stay meaningful if something did.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures::poll;
    use serde_json::{Map, Value, json};
    use tokio::sync::Semaphore;
    use wren_core::host::{Host, RunContext};
    use wren_core::{CorrelationId, DeploymentId, OwnerId, Result, RunId};

    use super::*;

    const KIB: usize = 1024;
    const SMALL: Bounds = Bounds { open: 32 * KIB, unread: 128 * KIB };

    /// Answers with a text of some length, as often as the test allows.
    #[derive(Debug)]
    struct Wordy {
        length: usize,
        allowed: Semaphore,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Host for Wordy {
        async fn call(&self, _context: &RunContext, _request: HostRequest) -> Result<Value> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.allowed.acquire().await.unwrap().forget();
            Ok(json!("x".repeat(self.length)))
        }
    }

    fn wordy(length: usize, allowed: usize) -> (Arc<Wordy>, RunHost) {
        let wordy = Arc::new(Wordy { length, allowed: Semaphore::new(allowed), asked: AtomicUsize::new(0) });
        let context = RunContext {
            run_id: RunId::new(),
            owner: OwnerId::new("ada").unwrap(),
            deployment_id: DeploymentId::new(),
            deployment_name: "daily".into(),
            revision: 1,
            trigger: wren_core::model::TriggerKind::Manual,
            trigger_id: None,
            func: "main".into(),
            scheduled_for: chrono::DateTime::UNIX_EPOCH,
            attempt: 1,
            idempotency_key: "key".into(),
            correlation_id: CorrelationId::new("corr_test").unwrap(),
            timezone: "UTC".into(),
            secrets: wren_core::redact::RunSecrets::default(),
        };
        (Arc::clone(&wordy), RunHost::new(Arc::<Wordy>::clone(&wordy), Arc::new(context)))
    }

    fn push(calls: &Calls, count: u64) {
        for id in 0..count {
            calls.push(id, HostRequest { op: "x".into(), args: Map::new() }, 10).unwrap();
        }
    }

    async fn read_all(reader: impl tokio::io::AsyncRead + Unpin, count: u64) -> Vec<Value> {
        let mut reader = frame::FrameReader::new(reader);
        let mut replies = Vec::new();
        while replies.len() < count as usize {
            let frame = reader.next().await.unwrap().unwrap();
            replies.push(serde_json::from_slice(&frame).unwrap());
        }
        replies
    }

    #[tokio::test]
    async fn a_guest_that_reads_nothing_is_answered_no_more() {
        const COUNT: u64 = 200;
        let (calls, queue) = Calls::within(SMALL);
        let (wordy, host) = wordy(KIB, COUNT as usize);
        push(&calls, COUNT);
        calls.greet();
        let (writer, reader) = tokio::io::duplex(16);
        let mut serving = pin!(calls.serve(queue, Some(&host), Vec::new(), writer));
        // Until nothing changes any more: the host answers at once, so each poll goes as far as it can.
        let mut before = usize::MAX;
        while before != wordy.asked.load(Ordering::SeqCst) {
            before = wordy.asked.load(Ordering::SeqCst);
            assert!(poll!(&mut serving).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(before < SMALL.open / KIB + CONCURRENT, "{before} were carried");
        assert!(lock(&calls.open).unread <= SMALL.open + CONCURRENT * (KIB + 100));
        // Nothing is lost for one that reads late.
        let replies = tokio::select! {
            replies = read_all(reader, COUNT) => replies,
            () = &mut serving => unreachable!(),
        };
        assert!(replies.iter().all(|reply| reply["ok"].as_str().unwrap().len() == KIB));
        let mut ids: Vec<u64> = replies.iter().map(|reply| reply["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..COUNT));
        assert_eq!(lock(&calls.open).unread, 0);
    }

    #[tokio::test]
    async fn answers_that_all_come_at_once_are_not_all_kept() {
        const COUNT: u64 = CONCURRENT as u64;
        let (calls, queue) = Calls::within(SMALL);
        let (wordy, host) = wordy(8 * KIB - 100, 0);
        push(&calls, COUNT);
        calls.greet();
        let (writer, reader) = tokio::io::duplex(16);
        let mut serving = pin!(calls.serve(queue, Some(&host), Vec::new(), writer));
        while wordy.asked.load(Ordering::SeqCst) < CONCURRENT {
            assert!(poll!(&mut serving).is_pending());
        }
        for _ in 0..COUNT {
            wordy.allowed.add_permits(1);
            assert!(poll!(&mut serving).is_pending());
            // What is not kept leaves a short error.
            assert!(lock(&calls.open).unread <= SMALL.unread + CONCURRENT * KIB);
        }
        let replies = tokio::select! {
            replies = read_all(reader, COUNT) => replies,
            () = &mut serving => unreachable!(),
        };
        let kept = replies.iter().filter(|reply| reply["ok"].is_string()).count();
        let refused = replies.iter().filter(|reply| reply["error"]["code"] == "OUTPUT_LIMIT").count();
        assert!((1..=SMALL.unread / (7 * KIB)).contains(&kept), "{kept} were kept");
        assert_eq!(kept + refused, CONCURRENT);
    }
}
