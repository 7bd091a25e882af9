//! Putting an engine together.

use std::fmt;
use std::sync::Arc;

use super::inner::{Inner, Parts};
use super::{Engine, EngineOptions};
use crate::clock::{Clock, SystemClock};
use crate::deploy::DeployRules;
use crate::error::{Error, ErrorCode, Result};
use crate::executor::Executor;
use crate::host::{Host, PlatformHost, ScriptState};
use crate::integration::{IntegrationDirectory, IntegrationProbe};
use crate::memory::MemoryVault;
use crate::schedule::{Planner, Scheduler};
use crate::source::TriggerSource;
use crate::store::Store;
use crate::trace::SpanSink;
use crate::vault::CredentialVault;

type AdjustRules = Box<dyn FnOnce(&mut DeployRules) + Send>;

/// Collects the parts of an [`Engine`]: a store and at least one executor are needed, everything else has a default.
#[derive(Default)]
pub struct EngineBuilder {
    store: Option<Arc<dyn Store>>,
    executors: Vec<Arc<dyn Executor>>,
    sources: Vec<Arc<dyn TriggerSource>>,
    scheduler: Option<Arc<dyn Scheduler>>,
    vault: Option<Arc<dyn CredentialVault>>,
    probe: Option<Arc<dyn IntegrationProbe>>,
    host: Option<Arc<dyn Host>>,
    clock: Option<Arc<dyn Clock>>,
    spans: Option<Arc<dyn SpanSink>>,
    integrations: Option<IntegrationDirectory>,
    options: EngineOptions,
    adjust_rules: Option<AdjustRules>,
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EngineBuilder")
            .field("store", &self.store)
            .field("executors", &self.executors)
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    /// Sets where everything is kept.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets where everything is kept, shared with others.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds an executor; the first is the default, the others are for scripts that name them.
    #[must_use]
    pub fn executor(self, executor: impl Executor) -> Self {
        self.shared_executor(Arc::new(executor))
    }

    /// Adds an executor, shared with others.
    #[must_use]
    pub fn shared_executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// Adds a source of events.
    #[must_use]
    pub fn source(mut self, source: impl TriggerSource) -> Self {
        self.sources.push(Arc::new(source));
        self
    }

    /// Sets what decides when triggers are due; the in-memory planner without it.
    #[must_use]
    pub fn scheduler(mut self, scheduler: impl Scheduler) -> Self {
        self.scheduler = Some(Arc::new(scheduler));
        self
    }

    /// Sets where credentials are kept; an empty vault in memory without it.
    #[must_use]
    pub fn vault(self, vault: impl CredentialVault) -> Self {
        self.shared_vault(Arc::new(vault))
    }

    /// Sets where credentials are kept, shared with others.
    #[must_use]
    pub fn shared_vault(mut self, vault: Arc<dyn CredentialVault>) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Sets what answers the scripts' requests other than `state.*`, say a broker.
    #[must_use]
    pub fn host(self, host: impl Host) -> Self {
        self.shared_host(Arc::new(host))
    }

    /// Sets what answers the scripts' requests, shared with others.
    #[must_use]
    pub fn shared_host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Sets what asks services about credentials, when integrations are validated and scripts deployed; nothing without it.
    #[must_use]
    pub fn probe(mut self, probe: Arc<dyn IntegrationProbe>) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Sets the clock; the machine's without it.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets what takes the spans of deploys, fires, attempts and host calls; they are not made without it.
    #[must_use]
    pub fn spans(mut self, sink: Arc<dyn SpanSink>) -> Self {
        self.spans = Some(sink);
        self
    }

    /// Sets the integrations that scripts may import.
    #[must_use]
    pub fn integrations(mut self, integrations: IntegrationDirectory) -> Self {
        self.integrations = Some(integrations);
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Changes the rules that scripts are held to, after they have been filled with the executors and sources given.
    #[must_use]
    pub fn adjust_rules(mut self, adjust: impl FnOnce(&mut DeployRules) + Send + 'static) -> Self {
        self.adjust_rules = Some(Box::new(adjust));
        self
    }

    /// Builds the engine. Nothing runs yet.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when there is no store or no executor, two executors have one name, or an option is out of range.
    pub fn build(self) -> Result<Engine> {
        let invalid = |message: &str| Error::new(ErrorCode::InvalidRequest, message);
        let store = self.store.ok_or_else(|| invalid("an engine needs a store"))?;
        if self.executors.is_empty() {
            return Err(invalid("an engine needs an executor"));
        }
        for (place, executor) in self.executors.iter().enumerate() {
            if self.executors[..place].iter().any(|other| other.name() == executor.name()) {
                return Err(invalid(&format!("two executors are named `{}`", executor.name())));
            }
        }
        let options = self.options;
        if options.concurrency == 0 || options.per_deployment == 0 || options.per_owner == 0 || options.fire_batch == 0
        {
            return Err(invalid("concurrency, per_deployment, per_owner and fire_batch are at least 1"));
        }
        if options.lease_ms < 300 || options.poll_ms < 10 || options.reconcile_ms < 100 {
            return Err(invalid("lease_ms is at least 300, poll_ms at least 10, reconcile_ms at least 100"));
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let integrations = self.integrations.unwrap_or_default();
        let mut rules = DeployRules::new(self.executors);
        rules.sources.clone_from(&self.sources);
        rules.integrations = integrations.clone();
        if let Some(adjust) = self.adjust_rules {
            adjust(&mut rules);
        }
        let state = ScriptState::new(Arc::<dyn Store>::clone(&store), Arc::clone(&clock));
        let platform = PlatformHost::new(state, integrations);
        let host: Arc<dyn Host> = match self.host {
            Some(next) => Arc::new(platform.with_next(next)),
            None => Arc::new(platform),
        };
        let scheduler = self.scheduler.unwrap_or_else(|| Arc::new(Planner::new()));
        let vault = self.vault.unwrap_or_else(|| Arc::new(MemoryVault::default()));
        let parts =
            Parts { store, scheduler, vault, probe: self.probe, host, clock, spans: self.spans, rules, options };
        Ok(Engine { inner: Arc::new(Inner::new(parts)) })
    }
}
