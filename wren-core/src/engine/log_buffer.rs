//! A run's lines on their way to the store.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::inner::{ActiveRun, StopReason};
use crate::executor::LogSink;
use crate::model::LogLine;
use crate::store::{AppendLogs, Held, Store};

/// From this many bytes on, the executor waits for the store.
const HIGH_WATER: usize = 64 * 1024;

/// Collects lines and appends them in batches, fenced by the run's claim.
#[derive(Debug)]
pub(super) struct LogBuffer {
    store: Arc<dyn Store>,
    held: Held,
    active: Arc<ActiveRun>,
    // A Tokio mutex, held across the append: a second flush must not overtake the first, or lines would change places.
    lines: Mutex<Vec<LogLine>>,
}

impl LogBuffer {
    pub(super) fn new(store: Arc<dyn Store>, held: Held, active: Arc<ActiveRun>) -> Self {
        Self { store, held, active, lines: Mutex::default() }
    }

    /// Appends what has been collected.
    pub(super) async fn flush(&self) {
        let mut lines = self.lines.lock().await;
        self.append(&mut lines).await;
    }

    /// Takes what has not been appended.
    pub(super) async fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.lines.lock().await)
    }

    async fn append(&self, lines: &mut Vec<LogLine>) {
        if lines.is_empty() {
            return;
        }
        let batch = AppendLogs { held: self.held, lines: lines.clone() };
        match self.store.append_logs(vec![batch]).await {
            Ok(written) if written.first() == Some(&false) => self.active.stop(StopReason::Lost),
            Ok(_) => lines.clear(),
            // They stay for the next flush. The executor's cap bounds them.
            Err(error) => tracing::warn!(run_id = %self.held.run_id, error = error.chain(), "storing log lines failed"),
        }
    }
}

#[async_trait]
impl LogSink for LogBuffer {
    async fn write(&self, new: Vec<LogLine>) {
        let mut lines = self.lines.lock().await;
        lines.extend(new);
        if lines.iter().map(|line| line.text.len()).sum::<usize>() >= HIGH_WATER {
            self.append(&mut lines).await;
        }
    }
}
