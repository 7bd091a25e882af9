//! Which node serves an account, where several share the records.

use bytes::Bytes;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use wren_core::store::{Expect, Namespace, PutOptions};
use wren_core::{ErrorCode, OwnerId, Result};

use super::Context;

/// The right to serve an account for a while. Two nodes that both thought they had it would emit the same events under the
/// same keys, which are one run each; it spares the mail server, and accounts allow few connections.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    context: &'a Context,
    namespace: Namespace,
    account: String,
    version: u64,
}

impl<'a> Lease<'a> {
    /// Takes the account if it is nobody's now.
    pub(super) async fn take(context: &'a Context, owner: &OwnerId, account: &str) -> Result<Option<Self>> {
        let namespace = Namespace::owned(owner, "email/leases");
        let account = account.to_owned();
        let version = put(context, &namespace, &account, Expect::Absent).await?;
        Ok(version.map(|version| Self { context, namespace, account, version }))
    }

    /// Renews it until `held` is cancelled, and cancels that when it is lost.
    pub(super) async fn keep(&mut self, held: &CancellationToken) {
        let length = self.context.options.lease;
        let mut until = tokio::time::Instant::now() + length;
        loop {
            tokio::select! {
                () = tokio::time::sleep(length / 3) => {}
                () = held.cancelled() => return,
            }
            let began = tokio::time::Instant::now();
            match put(self.context, &self.namespace, &self.account, Expect::Version(self.version)).await {
                Ok(Some(version)) => (self.version, until) = (version, began + length),
                // Another node has it.
                Ok(None) => break,
                // The record stands until its end: another try may reach it.
                Err(_) if tokio::time::Instant::now() < until => {}
                Err(_) => break,
            }
        }
        tracing::warn!(account = self.account, "the lease of a mail account was lost");
        held.cancel();
    }

    /// Gives it up, so that no other node has to wait for its end.
    pub(super) async fn release(self) {
        let Self { context, namespace, account, version } = self;
        // When it fails, the lease ends by itself.
        let now = context.clock.now();
        let _ = context.records.delete_record(&namespace, &account, Expect::Version(version), now).await;
    }
}

/// Returns the new version; `None` when the expectation does not hold.
async fn put(context: &Context, namespace: &Namespace, account: &str, expect: Expect) -> Result<Option<u64>> {
    let now = context.clock.now();
    let length = TimeDelta::from_std(context.options.lease).unwrap_or(TimeDelta::MAX);
    let options = PutOptions::at(now).expecting(expect).expiring(now + length);
    let node = Bytes::from(context.node.clone());
    match context.records.put_record(namespace, account, node, options).await {
        Ok(version) => Ok(Some(version)),
        Err(error) if error.code() == ErrorCode::Conflict => Ok(None),
        Err(error) => Err(error),
    }
}
