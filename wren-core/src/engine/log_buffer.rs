//! A run's lines on their way to the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::changes::RunChanges;
use super::inner::{ActiveRun, Inner, StopReason, answered};
use super::log_quota::LogQuota;
use crate::executor::LogSink;
use crate::model::LogLine;
use crate::redact::RunSecrets;
use crate::store::{AppendLogs, Held, Store};

/// From this many bytes on, the executor waits for the store.
const HIGH_WATER: usize = 64 * 1024;
/// What a line costs besides its text, in bytes.
const LINE_OVERHEAD: usize = 64;
/// How long an append may take before it is given up and repeated later.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a store that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Collects lines and appends them in batches, fenced by the run's claim.
#[derive(Debug)]
pub(super) struct LogBuffer {
    store: Arc<dyn Store>,
    held: Held,
    active: Arc<ActiveRun>,
    secrets: RunSecrets,
    changes: Arc<RunChanges>,
    quota: LogQuota,
    waiting: Mutex<Waiting>,
    // Held across an append, so that no later batch overtakes an earlier one. It guards no data: who collects lines never
    // waits for it.
    appending: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<LogLine>,
    /// How many of them, from the first on, have been held against the owner's quota.
    counted: usize,
    bytes: usize,
    /// When the store may be asked again after a failure.
    not_before: Option<Instant>,
}

/// Lines on their way to the store. Unless it has taken them they go back to the front, also when whoever appends them is
/// dropped meanwhile: an executor that overran, say, in the midst of a write.
struct OnTheirWay<'a> {
    waiting: &'a Mutex<Waiting>,
    lines: Vec<LogLine>,
    counted: usize,
}

impl OnTheirWay<'_> {
    fn arrived(mut self) {
        self.lines.clear();
    }
}

impl Drop for OnTheirWay<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        // Later ones have not been counted: there is one batch on its way at a time.
        waiting.counted = self.counted.min(self.lines.len());
        waiting.bytes += self.lines.iter().map(size).sum::<usize>();
        let later = std::mem::replace(&mut waiting.lines, std::mem::take(&mut self.lines));
        waiting.lines.extend(later);
    }
}

impl LogBuffer {
    pub(super) fn new(inner: &Inner, held: Held, active: Arc<ActiveRun>, secrets: RunSecrets, quota: LogQuota) -> Self {
        Self {
            store: Arc::clone(&inner.store),
            held,
            active,
            secrets,
            quota,
            changes: Arc::clone(&inner.run_changes),
            waiting: Mutex::default(),
            appending: tokio::sync::Mutex::default(),
        }
    }

    /// Appends what has been collected. A store that fails gets the lines later: the executor's cap bounds them, to a few times as much where secrets
    /// were replaced.
    pub(super) async fn flush(&self) {
        let _turn = self.appending.lock().await;
        let mut sent = {
            let mut waiting = self.waiting.lock();
            if waiting.lines.is_empty() || waiting.not_before.is_some_and(|at| Instant::now() < at) {
                return;
            }
            waiting.bytes = 0;
            let counted = std::mem::take(&mut waiting.counted);
            OnTheirWay { waiting: &self.waiting, lines: std::mem::take(&mut waiting.lines), counted }
        };
        self.quota.cut(&mut sent.lines, sent.counted).await;
        sent.counted = sent.lines.len();
        if sent.lines.is_empty() {
            return;
        }
        let batch = AppendLogs { held: self.held, lines: sent.lines.clone() };
        match answered(PATIENCE, self.store.append_logs(vec![batch])).await {
            Ok(written) => {
                sent.arrived();
                if written.first() == Some(&false) {
                    self.active.stop(StopReason::Lost);
                }
                self.changes.printed(self.held.run_id);
                self.waiting.lock().not_before = None;
            }
            Err(error) => {
                tracing::warn!(run_id = %self.held.run_id, error = error.chain(), "storing log lines failed");
                self.waiting.lock().not_before = Some(Instant::now() + PAUSE);
            }
        }
    }

    /// Takes what has not been appended. A batch on its way is waited for, so that nothing overtakes it.
    pub(super) async fn take(&self) -> Vec<LogLine> {
        let _turn = self.appending.lock().await;
        let (mut lines, counted) = {
            let mut waiting = self.waiting.lock();
            (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.counted))
        };
        self.quota.cut(&mut lines, counted).await;
        lines
    }
}

/// Returns what a line costs, in bytes.
pub(super) fn size(line: &LogLine) -> usize {
    line.text.len() + LINE_OVERHEAD
}

#[async_trait]
impl LogSink for LogBuffer {
    async fn write(&self, mut new: Vec<LogLine>) {
        // Before they are kept anywhere. A secret that the run has not been given yet cannot stand in them.
        self.secrets.redact_texts(new.iter_mut().map(|line| &mut line.text));
        let full = {
            let mut waiting = self.waiting.lock();
            waiting.bytes += new.iter().map(size).sum::<usize>();
            waiting.lines.extend(new);
            waiting.bytes >= HIGH_WATER
        };
        if full {
            self.flush().await;
        }
    }
}
