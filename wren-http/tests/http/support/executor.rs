//! An executor that does what a test tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script};
use wren_core::host::RunHost;
use wren_core::model::{Isolation, LogLine, LogStream};
use wren_core::{Error, ErrorCode, Result};

/// What asking the executor to check or to inspect leads to.
#[derive(Debug, Clone, Default)]
pub(crate) enum Check {
    #[default]
    Ready,
    Unavailable,
    Panics,
    /// Says so through the first, and answers after the second.
    Waits(Arc<Notify>, Arc<Notify>),
    Never,
}

impl Check {
    async fn happen(self) -> Result<()> {
        match self {
            Check::Ready => Ok(()),
            Check::Unavailable => Err(Error::new(ErrorCode::ExecutorUnavailable, "no sandbox at /opt/secret-path")
                .with_hint("install it")
                .with_source("permission denied for uid 4711")),
            Check::Panics => panic!("the executor is confused by /opt/secret-path"),
            Check::Waits(begun, go_on) => {
                begun.notify_one();
                go_on.notified().await;
                Ok(())
            }
            Check::Never => std::future::pending().await,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct FakeExecutor {
    pub(crate) check: Mutex<Check>,
    /// How often it was checked.
    pub(crate) checks: AtomicUsize,
    pub(crate) inspect: Mutex<Check>,
    pub(crate) inspection: Mutex<Inspection>,
    /// What the next run prints, as it comes: the run ends when the sender is dropped.
    pub(crate) prints: Mutex<Option<UnboundedReceiver<String>>>,
}

#[async_trait]
impl Executor for FakeExecutor {
    fn name(&self) -> &str {
        "fake"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "fake".to_owned(), tier: "none".to_owned() }
    }

    async fn check(&self) -> Result<()> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        let check = self.check.lock().clone();
        check.happen().await
    }

    async fn inspect(&self, _: &Script, _: &Limits) -> Result<Inspection> {
        let inspect = self.inspect.lock().clone();
        inspect.happen().await?;
        Ok(self.inspection.lock().clone())
    }

    async fn run(&self, call: Invocation, _: RunHost, logs: Arc<dyn LogSink>, _: CancellationToken) -> Result<Outcome> {
        let prints = self.prints.lock().take();
        if let Some(mut prints) = prints {
            while let Some(text) = prints.recv().await {
                let at = call.context.scheduled_for;
                logs.write(vec![LogLine { at, stream: LogStream::Stdout, text }]).await;
            }
        }
        Ok(Outcome { end: OutcomeEnd::Success(serde_json::json!({"ran": true})), isolation: self.isolation() })
    }
}
