//! The writer: one task with the one connection that writes.
//!
//! Writers that each open a transaction wait for SQLite's one lock and for the disk in turn. Here they queue up in memory
//! instead, and everything that queued up while the disk was busy shares the next transaction and its one sync.

mod batch;
mod check;
mod job;

use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use wren_core::{Error, Result};

pub(crate) use self::check::Check;
pub(crate) use self::job::Operation;
use self::job::{Group, job};
use crate::error::{OrStoreError, closed};
use crate::open;
use crate::options::SqliteOptions;

/// How many operations may wait before callers wait to queue up.
const QUEUE: usize = 4096;

/// How many operations share a transaction at most: enough to make the sync cheap, few enough that the first one's caller
/// does not wait long for the last one's work.
const BATCH: usize = 512;

enum Message {
    Write(Box<dyn Group>),
    Close(oneshot::Sender<Result<()>>),
}

/// The way to the writer's task. The task ends, after what is queued, once the last handle is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    /// Starts the task.
    pub(crate) fn start(connection: SqliteConnection, options: SqliteOptions) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        tokio::spawn(Task { connection: Some(connection), options }.serve(messages));
        Self { queue }
    }

    /// Hands an operation to the writer and waits until it is durable.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output> {
        let (group, answer) = job(operation);
        self.queue.send(Message::Write(group)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Writes what is queued, moves the log into the file and closes the connection.
    pub(crate) async fn close(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        match self.queue.send(Message::Close(reply)).await {
            Ok(()) => answer.await.unwrap_or(Ok(())),
            // Closed before.
            Err(_) => Ok(()),
        }
    }
}

struct Task {
    /// `None` after a failure, until the next transaction opens it again.
    connection: Option<SqliteConnection>,
    options: SqliteOptions,
}

impl Task {
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
            self.write(groups).await;
        }
        let mut outcome = self.close().await;
        for reply in closers {
            let answer = std::mem::replace(&mut outcome, Ok(()));
            let _ = reply.send(answer);
        }
    }

    /// Carries out the groups in one transaction.
    async fn write(&mut self, groups: Vec<Box<dyn Group>>) {
        if groups.is_empty() {
            return;
        }
        let Some(error) = self.transact(groups).await else { return };
        tracing::warn!(error = %error.chain(), "a transaction failed");
    }

    /// Returns the failure of the transaction, already handed to the callers.
    async fn transact(&mut self, mut groups: Vec<Box<dyn Group>>) -> Option<Error> {
        let error = match self.connection().await {
            Ok(connection) => match batch::run(connection, &mut groups).await {
                Ok(()) => {
                    groups.into_iter().for_each(|group| group.answer());
                    return None;
                }
                Err(failure) => {
                    if failure.connection_is_suspect {
                        self.connection = None;
                    }
                    failure.error
                }
            },
            Err(error) => error,
        };
        if error.code() == wren_core::ErrorCode::StoreUnavailable
            || groups.iter().map(|group| group.size()).sum::<usize>() == 1
        {
            groups.into_iter().for_each(|group| group.fail(&error));
            return Some(error);
        }
        // One operation that SQLite refuses must not fail those that only share its transaction.
        for single in groups.into_iter().flat_map(Group::split) {
            Box::pin(self.write(vec![single])).await;
        }
        None
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writing(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn close(&mut self) -> Result<()> {
        use sqlx::Connection;
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        // Readers may keep the log from being emptied; SQLite then does it at the next checkpoint.
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        connection.close().await.or_store_error()?;
        checkpoint.or_store_error().map(drop)
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
