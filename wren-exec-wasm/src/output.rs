//! What a run prints: by the SDK's streams, and what reaches descriptors 1 and 2 beneath them.

use std::sync::Arc;

use chrono::Utc;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc::UnboundedSender;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wren_core::executor::Limits;
use wren_core::guest::{LogCollector, Source};
use wren_core::model::LogLine;

/// What one write to a descriptor may hold, in bytes.
const WRITE_BYTES: usize = 64 * 1024;

/// Turns output into lines under the run's caps and sends them on. The caps bound what waits unread, so sending never waits.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    collector: Mutex<LogCollector>,
    /// Nobody, where output is dropped.
    lines: Option<UnboundedSender<Vec<LogLine>>>,
}

impl Output {
    pub(crate) fn new(limits: &Limits, lines: Option<UnboundedSender<Vec<LogLine>>>) -> Self {
        Self { inner: Arc::new(Inner { collector: Mutex::new(LogCollector::new(limits)), lines }) }
    }

    pub(crate) fn push(&self, source: Source, data: &[u8]) {
        if let Some(lines) = &self.inner.lines {
            let finished = self.inner.collector.lock().push(source, data, Utc::now());
            send(lines, finished);
        }
    }

    /// Sends the lines that no line break ended.
    pub(crate) fn finish(&self) {
        if let Some(lines) = &self.inner.lines {
            let unfinished = self.inner.collector.lock().finish(Utc::now());
            send(lines, unfinished);
        }
    }

    /// Returns a descriptor that writes here.
    pub(crate) fn descriptor(&self, source: Source) -> Descriptor {
        Descriptor { output: self.clone(), source }
    }
}

fn send(lines: &UnboundedSender<Vec<LogLine>>, finished: Vec<LogLine>) {
    if !finished.is_empty() {
        // The receiver outlives the run, so this fails only while the run is being dropped.
        let _ = lines.send(finished);
    }
}

/// Descriptor 1 or 2 of a guest.
#[derive(Debug, Clone)]
pub(crate) struct Descriptor {
    output: Output,
    source: Source,
}

impl IsTerminal for Descriptor {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Descriptor {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one, which no guest of ours speaks.
        Box::new(tokio::io::sink())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Descriptor {
    async fn ready(&mut self) {}
}

impl OutputStream for Descriptor {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.output.push(self.source, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}
