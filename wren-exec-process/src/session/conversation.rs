//! Reads the guest's frames until one of them ends the session.

use std::sync::Mutex;

use chrono::Utc;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc::Sender;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use wren_core::Error;
use wren_core::executor::{Inspection, Limits};
use wren_core::guest::{self, Frame, LogCollector, MAX_FRAME_BYTES, Source, says_log};
use wren_core::model::LogLine;

use super::budget::Budget;
use super::calls::Calls;
use super::frame::{FrameError, FrameReader};

/// Carries output towards the sink; a full channel is the back-pressure that the guest feels.
#[derive(Debug)]
pub(crate) struct Output {
    // A plain mutex: never held across an await.
    collector: Mutex<LogCollector>,
    lines: Sender<Vec<LogLine>>,
    /// Whether the mode drops all output.
    muted: bool,
}

impl Output {
    pub(crate) fn new(limits: &Limits, lines: Sender<Vec<LogLine>>, muted: bool) -> Self {
        Self { collector: Mutex::new(LogCollector::new(limits)), lines, muted }
    }

    async fn push(&self, source: Source, data: &[u8]) {
        if self.muted {
            return;
        }
        let lines = self.with_collector(|collector| collector.push(source, data, Utc::now()));
        self.send(lines).await;
    }

    /// Says that whatever else is printed is dropped.
    fn drops_all(&self) -> bool {
        self.muted || self.with_collector(|collector| collector.is_full())
    }

    /// Sends the lines that no line break ended.
    pub(crate) async fn finish(&self) {
        let lines = self.with_collector(|collector| collector.finish(Utc::now()));
        self.send(lines).await;
    }

    async fn send(&self, lines: Vec<LogLine>) {
        if !lines.is_empty() {
            // The receiver outlives every sender, so this fails only while the session is being dropped.
            let _ = self.lines.send(lines).await;
        }
    }

    fn with_collector<T>(&self, work: impl FnOnce(&mut LogCollector) -> T) -> T {
        work(&mut self.collector.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Reads a pipe to its end. Reading never stops at the cap: a guest that prints must not hang on a full pipe.
pub(crate) async fn pipe(mut pipe: impl AsyncRead + Unpin, source: Source, output: &Output) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => output.push(source, &buffer[..count]).await,
        }
    }
}

/// How the guest's side of the channel ended.
#[derive(Debug)]
pub(crate) enum Spoken {
    /// A `result` with `ok`; `bytes` is the size of its frame.
    Result { ok: Value, bytes: usize },
    /// A `result` with `error`.
    Error(Value),
    /// An `inspection`, and its `error`.
    Inspection(Box<Inspection>, Option<Value>),
    /// The guest broke the protocol.
    Broken(Error),
    /// The channel was closed without any of these.
    Closed,
}

/// From this size on a frame is followed by a turn of others.
const LARGE_FRAME_BYTES: usize = 256 * 1024;

/// Reads frames until one ends the session.
pub(crate) async fn listen<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    output: &Output,
    calls: &Calls,
) -> Spoken {
    let mut greeted = false;
    let mut budget = Budget::new(Instant::now());
    loop {
        let bytes = match frames.next().await {
            Ok(Some(bytes)) => bytes,
            Err(FrameError::TooLong(size)) => {
                let what = format!("a frame of {size} bytes, more than {MAX_FRAME_BYTES}");
                return Spoken::Broken(guest::broken(&what));
            }
            Ok(None) | Err(FrameError::Ended) => return Spoken::Closed,
        };
        if says_log(&bytes) && output.drops_all() {
            continue;
        }
        let pause = budget.spend(bytes.len(), Instant::now());
        if !pause.is_zero() {
            sleep(pause).await;
        }
        let frame = match Frame::parse(&bytes) {
            Ok(frame) => frame,
            Err(error) => return Spoken::Broken(error),
        };
        if bytes.len() > LARGE_FRAME_BYTES {
            // Parsing it took a while in which this thread served nobody else.
            yield_now().await;
        }
        match frame {
            Frame::Hello if !greeted => {
                greeted = true;
                calls.greet();
            }
            Frame::Log { source, text } => output.push(source, text.as_bytes()).await,
            Frame::Call { id, request } => {
                if let Err(what) = calls.push(id, request, bytes.len()) {
                    return Spoken::Broken(guest::broken(&what));
                }
            }
            Frame::Result(Ok(ok)) => return Spoken::Result { ok, bytes: bytes.len() },
            Frame::Result(Err(error)) => return Spoken::Error(error),
            Frame::Inspection(inspection, error) => return Spoken::Inspection(inspection, error),
            _ => return Spoken::Broken(guest::broken("a second greeting")),
        }
    }
}
