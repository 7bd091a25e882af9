//! Reads the guest's frames until one of them ends the session.

use std::sync::Mutex;

use chrono::Utc;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc::Sender;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use wren_core::Error;
use wren_core::executor::{InspectedTrigger, Inspection, Limits};
use wren_core::host::HostRequest;
use wren_core::model::LogLine;

use super::budget::Budget;
use super::calls::Calls;
use super::frame::{FrameError, FrameReader, MAX_FRAME_BYTES};
use super::logs::{LogCollector, Source};
use super::verdict::{self, AnsweredErrors};

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

/// The longest `log` frame. Its text has at most 64 KiB, which JSON escapes make longer.
const MAX_LOG_FRAME_BYTES: usize = 512 * 1024;
/// From this size on a frame is followed by a turn of others.
const LARGE_FRAME_BYTES: usize = 256 * 1024;

/// The version of the protocol that this speaks.
const PROTOCOL_VERSION: u64 = 1;

/// A frame of the guest: the fields of all kinds, since a kind is not known before it is read.
#[derive(Debug, Deserialize)]
struct GuestFrame {
    t: String,
    #[serde(default)]
    v: Option<u64>,
    #[serde(default)]
    s: Option<String>,
    #[serde(default)]
    d: Option<String>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    op: Option<String>,
    #[serde(default)]
    args: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "present")]
    ok: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    python: Option<String>,
    #[serde(default)]
    triggers: Vec<InspectedTrigger>,
    #[serde(default)]
    integrations: Vec<String>,
}

/// Tells an `ok` of null from a missing one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Says that a frame is a `log` as the SDK writes it, without parsing it.
fn says_log(frame: &[u8]) -> bool {
    frame.starts_with(br#"{"t":"log","#) || frame.starts_with(br#"{"t": "log","#)
}

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
                return Spoken::Broken(verdict::broken(&what));
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
        let frame: GuestFrame = match serde_json::from_slice(&bytes) {
            Ok(frame) => frame,
            Err(error) => return Spoken::Broken(verdict::malformed(&error)),
        };
        if bytes.len() > LARGE_FRAME_BYTES {
            // Parsing it took a while in which this thread served nobody else.
            yield_now().await;
        }
        match frame.t.as_str() {
            "hello" if !greeted && frame.v == Some(PROTOCOL_VERSION) => {
                greeted = true;
                calls.greet();
            }
            "hello" => return Spoken::Broken(verdict::broken("a second greeting, or one of another version")),
            "log" if bytes.len() > MAX_LOG_FRAME_BYTES => {
                let what = format!("a `log` of {} bytes, more than {MAX_LOG_FRAME_BYTES}", bytes.len());
                return Spoken::Broken(verdict::broken(&what));
            }
            "log" => {
                let source = match frame.s.as_deref() {
                    Some("stderr") => Source::FramedStderr,
                    _ => Source::FramedStdout,
                };
                output.push(source, frame.d.unwrap_or_default().as_bytes()).await;
            }
            "call" => {
                let (Some(id), Some(op)) = (frame.id, frame.op) else {
                    return Spoken::Broken(verdict::broken("a call without an id or an operation"));
                };
                let request = HostRequest { op, args: frame.args.unwrap_or_default() };
                if let Err(what) = calls.push(id, request, bytes.len()) {
                    return Spoken::Broken(verdict::broken(&what));
                }
            }
            "result" => {
                return match (frame.ok, frame.error) {
                    (_, Some(error)) => Spoken::Error(error),
                    (Some(ok), None) => Spoken::Result { ok, bytes: bytes.len() },
                    (None, None) => Spoken::Broken(verdict::broken("a result with neither a value nor an error")),
                };
            }
            "inspection" => {
                let GuestFrame { triggers, integrations, python, error, .. } = frame;
                let inspection = Inspection { triggers, integrations, error: None, python };
                return Spoken::Inspection(Box::new(inspection), error);
            }
            other => {
                let kind: String = other.chars().take(32).collect();
                return Spoken::Broken(verdict::broken(&format!("a frame of the unknown kind `{kind}`")));
            }
        }
    }
}

/// Turns what was spoken at import into an error that the inspection carries.
pub(crate) fn inspection_with_error(mut inspection: Box<Inspection>, error: Option<Value>) -> Box<Inspection> {
    inspection.error = error
        .filter(|error| !error.is_null())
        .map(|error| (&verdict::guest_error(error, &mut AnsweredErrors::new())).into());
    inspection
}
