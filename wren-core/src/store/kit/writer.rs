//! The writer: one task through which everything goes that writes.
//!
//! Writers that each open a transaction wait for the database's locks and for its disk in turn. Here they queue up in memory
//! instead, and everything that queued up while the disk was busy shares the next transaction and its one sync.

use std::future::Future;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::failpoint::failpoint;
use super::job::{Group, Operation, job};
use crate::error::{Error, ErrorCode, Result};

/// How many operations may wait before callers wait to queue up.
const QUEUE: usize = 4096;

/// How many operations share a transaction at most: enough to make the sync cheap, few enough that the first one's caller
/// does not wait long for the last one's work.
const BATCH: usize = 512;

/// How the transactions of a technology are made.
#[async_trait]
pub trait Transactions: Send + 'static {
    /// Begins a transaction, runs the groups in it, and commits.
    ///
    /// # Errors
    /// Whatever failed. Nothing is written then, except that after `STORE_UNAVAILABLE` it is unknown.
    async fn transact(&mut self, groups: &mut [Box<dyn Group>]) -> Result<()>;

    /// Returns how many kinds of operations may share a transaction: 1 where rows are locked, so that every transaction
    /// locks them in the order of its kind.
    fn kinds(&self) -> usize {
        usize::MAX
    }

    /// Ends what it holds open.
    ///
    /// # Errors
    /// Whatever failed; everything written stays written.
    async fn close(&mut self) -> Result<()>;
}

enum Message {
    Write(Box<dyn Group>),
    Close(oneshot::Sender<Result<()>>),
}

/// The way to a writer's task. The task ends, after what is queued, once the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    /// Makes a writer and the future of its task, which the caller spawns.
    pub fn new(transactions: impl Transactions) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, messages) = mpsc::channel(QUEUE);
        (Self { queue }, Task { transactions }.serve(messages))
    }

    /// Makes a writer that refuses everything, as a closed one does: for a store that is only read.
    #[must_use]
    pub fn refusing() -> Self {
        Self { queue: mpsc::channel(1).0 }
    }

    /// Hands an operation to the writer and waits until it is durable.
    ///
    /// # Errors
    /// The operation's refusal, or the failure of its transaction; `STORE_UNAVAILABLE` when the store is closed.
    pub async fn write<O: Operation>(&self, operation: O) -> Result<O::Output> {
        let (group, answer) = job(operation);
        self.queue.send(Message::Write(group)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Writes what is queued and ends the task.
    ///
    /// # Errors
    /// Whatever [`Transactions::close`] fails with.
    pub async fn close(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        match self.queue.send(Message::Close(reply)).await {
            Ok(()) => answer.await.unwrap_or(Ok(())),
            // Closed before.
            Err(_) => Ok(()),
        }
    }
}

/// Says that the store was closed.
#[must_use]
pub fn closed() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store is closed").with_hint("open it again")
}

struct Task<X> {
    transactions: X,
}

impl<X: Transactions> Task<X> {
    async fn serve(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut received = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        while messages.recv_many(&mut received, BATCH).await > 0 {
            let mut groups: Vec<Box<dyn Group>> = Vec::new();
            for message in received.drain(..) {
                match message {
                    Message::Write(group) => gather(&mut groups, group),
                    Message::Close(reply) => {
                        // What is queued is still received; what comes later is refused.
                        messages.close();
                        closers.push(reply);
                    }
                }
            }
            while !groups.is_empty() {
                let later = groups.split_off(groups.len().min(self.transactions.kinds()));
                self.write(groups).await;
                groups = later;
            }
        }
        let mut outcome = self.transactions.close().await;
        for reply in closers {
            let answer = std::mem::replace(&mut outcome, Ok(()));
            let _ = reply.send(answer);
        }
    }

    /// Carries out the groups in one transaction and hands out the answers, or the failure.
    async fn write(&mut self, mut groups: Vec<Box<dyn Group>>) {
        let Err(error) = self.transactions.transact(&mut groups).await else {
            failpoint("committed");
            groups.into_iter().for_each(|group| group.answer());
            return;
        };
        if error.code() == ErrorCode::StoreUnavailable || groups.iter().map(|group| group.size()).sum::<usize>() == 1 {
            tracing::warn!(error = %error.chain(), "a transaction failed");
            groups.into_iter().for_each(|group| group.fail(&error));
            return;
        }
        // One operation that the database refuses must not fail those that only share its transaction.
        for single in groups.into_iter().flat_map(Group::split) {
            Box::pin(self.write(vec![single])).await;
        }
    }
}

/// Puts an operation to those of its kind. Operations of one batch are concurrent, so any order of them is right; within
/// a kind it is the order of arrival.
fn gather(groups: &mut Vec<Box<dyn Group>>, group: Box<dyn Group>) {
    let mut homeless = group;
    for known in groups.iter_mut() {
        match known.absorb(homeless) {
            Ok(()) => return,
            Err(back) => homeless = back,
        }
    }
    groups.push(homeless);
}
