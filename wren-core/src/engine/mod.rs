//! The engine: plans, fires, claims, runs and finishes, on whatever store and executors it is given.
//!
//! [`Engine`] is a cheap handle. Its operations (deploy, list, cancel…) work at once; runs happen while the future of
//! [`Engine::run`] is polled. Nothing here runs on its own account: attempts are tasks of that future, and dropping it ends
//! them.

mod attempt;
mod attention;
mod builder;
mod catch_up;
mod changes;
mod claiming;
mod deployments;
mod finishing;
mod firing;
mod following;
mod heartbeat;
mod history;
mod housekeeping;
mod inner;
mod inspections;
mod integrations;
mod log_buffer;
mod log_quota;
mod measures;
mod nodes;
mod observed_host;
mod options;
mod presence;
mod preview;
mod quotas;
mod reconcile;
mod retrying;
mod revisions;
mod rolling_back;
mod runs;
mod shards;
mod sources;
mod spans;
mod verdict;
mod watches;

use std::sync::Arc;

pub use builder::EngineBuilder;
pub use deployments::DeployReceipt;
pub use following::{NewLines, RunFollower, RunNews};
pub use history::TriggerHistory;
pub use measures::describe_measures;
pub use options::EngineOptions;
pub use preview::TriggerPreview;
pub use retrying::RetryRun;
pub use runs::RunNow;
pub use sources::SourceHealth;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorCode, Result};
use inner::Inner;

/// A running or runnable Wren. Clones share everything.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl Engine {
    /// Begins an engine.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Fires and runs until `shutdown` is cancelled, then waits for the runs in progress for at most
    /// [`EngineOptions::drain_ms`], gives back those that remain, and returns; at most 15 seconds later even when an
    /// executor or the store does not let go.
    ///
    /// A store that fails is waited for, with backoff and a log line; no due time is lost by it.
    ///
    /// # Errors
    /// `CONFLICT` when the engine is running already.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<()> {
        let Some(_running) = self.inner.start() else {
            return Err(Error::new(ErrorCode::Conflict, "the engine is running already"));
        };
        let counting = self.inner.quotas.open();
        // Heartbeats go on while runs drain: they end with the claim loop, not with `shutdown`.
        let drained = CancellationToken::new();
        tokio::join!(
            firing::run(Arc::clone(&self.inner), shutdown.clone()),
            reconcile::run(Arc::clone(&self.inner), shutdown.clone()),
            nodes::run(Arc::clone(&self.inner), shutdown.clone()),
            sources::run(Arc::clone(&self.inner), shutdown.clone()),
            housekeeping::run(Arc::clone(&self.inner), shutdown.clone()),
            attention::run(Arc::clone(&self.inner), shutdown.clone()),
            watches::run(Arc::clone(&self.inner), shutdown.clone()),
            heartbeat::run(Arc::clone(&self.inner), drained.clone()),
            async {
                claiming::run(Arc::clone(&self.inner), shutdown.clone()).await;
                drained.cancel();
            },
        );
        // What is asked for from here on takes no more than it needs: nobody would write the rest back.
        drop(counting);
        self.inner.quotas.close(&self.inner).await;
        Ok(())
    }

    /// Says whether the engine can work: the store answers and the default executor can run scripts. A script that asks for
    /// another one which cannot is refused when it is deployed.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`, `EXECUTOR_UNAVAILABLE`.
    pub async fn check(&self) -> Result<()> {
        self.inner.store.check().await?;
        match self.inner.rules.executor(None) {
            Some(executor) => executor.check().await,
            None => Ok(()),
        }
    }

    /// Returns the options it was built with.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    /// Returns the store, for what an embedder keeps beside the engine's own.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn crate::store::Store> {
        &self.inner.store
    }

    /// Returns the vault, for an OAuth flow or a broker beside the engine.
    #[must_use]
    pub fn vault(&self) -> &Arc<dyn crate::vault::CredentialVault> {
        &self.inner.vault
    }

    /// Says that a credential was set: deployments that wait for one are looked at now, not at the next regular time.
    pub fn credentials_changed(&self) {
        self.inner.attention_now.notify_one();
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn crate::clock::Clock> {
        &self.inner.clock
    }

    /// Returns what takes spans, for the API beside the engine.
    #[must_use]
    pub fn spans(&self) -> Option<&Arc<dyn crate::trace::SpanSink>> {
        self.inner.spans.as_ref()
    }

    /// Returns the rules that scripts are held to, for examining one without deploying it.
    #[must_use]
    pub fn rules(&self) -> &crate::deploy::DeployRules {
        &self.inner.rules
    }

    /// Returns how many of how many parts of the triggers this engine plans: all, unless other engines share the store.
    #[must_use]
    pub fn shards(&self) -> (u32, u32) {
        (self.inner.shards.count(), shards::SHARDS)
    }

    /// Returns how many triggers this engine plans at the moment.
    #[must_use]
    pub fn planned_triggers(&self) -> usize {
        self.inner.planned.read().len()
    }

    /// Returns where events go that come to a host rather than to a [source](crate::source::TriggerSource) of its own: in a
    /// request, say.
    #[must_use]
    pub fn sink(&self, kind: crate::model::TriggerKind) -> Arc<dyn crate::source::EventSink> {
        Arc::new(sources::Sink::new(Arc::clone(&self.inner), kind))
    }

    /// Returns the health of the trigger sources.
    #[must_use]
    pub fn source_health(&self) -> Vec<SourceHealth> {
        sources::health(&self.inner)
    }
}
