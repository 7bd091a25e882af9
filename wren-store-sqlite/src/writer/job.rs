//! Operations and the groups in which one transaction carries them out.

use std::any::Any;
use std::future::Future;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;
use wren_core::{Error, Result};

use crate::error::again;

/// Something that writes.
pub(crate) trait Operation: Send + Sync + Sized + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// Carries out several of a kind within the open transaction; one answer for each, in order.
    ///
    /// An answer of `Err` is a refusal: that operation MUST have written nothing, since the others' writes are committed.
    /// An `Err` of the whole is a failure of the transaction, which is rolled back.
    fn run_all(
        connection: &mut SqliteConnection,
        operations: &[Self],
    ) -> impl Future<Output = Result<Vec<Result<Self::Output>>>> + Send;
}

/// Operations of one kind whose callers wait.
#[async_trait]
pub(crate) trait Group: Any + Send {
    /// Takes over the operations of a group of the same kind, or gives it back.
    fn absorb(&mut self, other: Box<dyn Group>) -> Result<(), Box<dyn Group>>;

    /// Carries out the operations within the open transaction, and keeps the answers.
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<()>;

    /// Returns how many operations it holds.
    fn size(&self) -> usize;

    /// Takes the operations apart, to be carried out one by one.
    fn split(self: Box<Self>) -> Vec<Box<dyn Group>>;

    /// Hands out the answers. To be called once the transaction is committed.
    fn answer(self: Box<Self>);

    /// Hands out the failure of the transaction.
    fn fail(self: Box<Self>, error: &Error);
}

type Reply<T> = oneshot::Sender<Result<T>>;

struct Jobs<O: Operation> {
    operations: Vec<O>,
    replies: Vec<Reply<O::Output>>,
    answers: Vec<Result<O::Output>>,
}

/// Wraps an operation for the queue; its answer comes through the receiver.
pub(super) fn job<O: Operation>(operation: O) -> (Box<dyn Group>, oneshot::Receiver<Result<O::Output>>) {
    let (reply, answer) = oneshot::channel();
    (Box::new(Jobs { operations: vec![operation], replies: vec![reply], answers: Vec::new() }), answer)
}

#[async_trait]
impl<O: Operation> Group for Jobs<O> {
    fn absorb(&mut self, other: Box<dyn Group>) -> Result<(), Box<dyn Group>> {
        if (&*other as &dyn Any).is::<Self>() {
            if let Ok(mut same) = (other as Box<dyn Any>).downcast::<Self>() {
                self.operations.append(&mut same.operations);
                self.replies.append(&mut same.replies);
            }
            Ok(())
        } else {
            Err(other)
        }
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<()> {
        self.answers = O::run_all(connection, &self.operations).await?;
        debug_assert_eq!(self.answers.len(), self.operations.len());
        Ok(())
    }

    fn size(&self) -> usize {
        self.operations.len()
    }

    fn split(self: Box<Self>) -> Vec<Box<dyn Group>> {
        self.operations
            .into_iter()
            .zip(self.replies)
            .map(|(operation, reply)| {
                Box::new(Jobs { operations: vec![operation], replies: vec![reply], answers: Vec::new() })
                    as Box<dyn Group>
            })
            .collect()
    }

    fn answer(self: Box<Self>) {
        for (reply, answer) in self.replies.into_iter().zip(self.answers) {
            // A caller that no longer waits has its effect all the same: whole, as the contract says.
            let _ = reply.send(answer);
        }
    }

    fn fail(self: Box<Self>, error: &Error) {
        for reply in self.replies {
            let _ = reply.send(Err(again(error)));
        }
    }
}
