//! Operations and the groups in which one transaction carries them out.

use std::any::Any;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::tables::Tables;
use crate::error::{Error, Result};

/// Something that writes.
#[async_trait]
pub trait Operation: Send + Sync + Sized + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// Carries out several of a kind within the open transaction; one answer for each, in order.
    ///
    /// An answer of `Err` is a refusal: that operation MUST have written nothing, since the others' writes are committed.
    /// An `Err` of the whole is a failure of the transaction, which is rolled back, and MAY be carried out again.
    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Self::Output>>>;
}

/// An operation that shares nothing with the others of its kind but the transaction.
#[async_trait]
pub trait Single: Send + Sync + Sized + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// Carries it out; an inner `Err` is a refusal.
    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<Self::Output>>;
}

#[async_trait]
impl<S: Single> Operation for S {
    type Output = S::Output;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<S::Output>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(operation.carry_out(tables).await?);
        }
        Ok(answers)
    }
}

/// Operations of one kind whose callers wait.
#[async_trait]
pub trait Group: Any + Send {
    /// Takes over the operations of a group of the same kind, or gives it back.
    ///
    /// # Errors
    /// The group, when it is of another kind.
    fn absorb(&mut self, other: Box<dyn Group>) -> Result<(), Box<dyn Group>>;

    /// Carries out the operations within the open transaction, and keeps the answers. May be called again after a
    /// transaction that was rolled back.
    ///
    /// # Errors
    /// Whatever the tables fail with.
    async fn run(&mut self, tables: &mut dyn Tables) -> Result<()>;

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

impl<O: Operation> Jobs<O> {
    fn one(operation: O, reply: Reply<O::Output>) -> Box<dyn Group> {
        Box::new(Self { operations: vec![operation], replies: vec![reply], answers: Vec::new() })
    }
}

/// Wraps an operation for the queue; its answer comes through the receiver.
pub(super) fn job<O: Operation>(operation: O) -> (Box<dyn Group>, oneshot::Receiver<Result<O::Output>>) {
    let (reply, answer) = oneshot::channel();
    (Jobs::one(operation, reply), answer)
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

    async fn run(&mut self, tables: &mut dyn Tables) -> Result<()> {
        self.answers = O::run_all(tables, &self.operations).await?;
        debug_assert_eq!(self.answers.len(), self.operations.len());
        Ok(())
    }

    fn size(&self) -> usize {
        self.operations.len()
    }

    fn split(self: Box<Self>) -> Vec<Box<dyn Group>> {
        self.operations.into_iter().zip(self.replies).map(|(operation, reply)| Self::one(operation, reply)).collect()
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

/// Makes a second error that says the same, for each of the callers that share one transaction.
fn again(error: &Error) -> Error {
    let mut copy = Error::new(error.code(), error.message()).with_source(error.chain());
    if let Some(hint) = error.hint() {
        copy = copy.with_hint(hint);
    }
    copy
}
