//! What stands behind an instance's imports.

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use wasmtime::Result;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wren_core::ErrorCode;
use wren_core::executor::Limits;
use wren_core::guest::{self, Frame, Source};
use wren_core::host::HostRequest;

use crate::artifact::MEMORY_BYTES;
use crate::bindings::wren::guest::platform;
use crate::limits::MemoryLimit;
use crate::output::Output;

/// A call on its way to the platform.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) request: HostRequest,
    /// Takes the `reply` frame.
    pub(crate) reply: oneshot::Sender<Vec<u8>>,
}

/// The guest did not keep to the protocol; carries what the run ends with.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) wren_core::Error);

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for Broken {}

/// The guest has had its last word before its export returned; carries the frame.
#[derive(Debug)]
pub(crate) struct LastWord(pub(crate) Vec<u8>);

impl std::fmt::Display for LastWord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the guest ended itself")
    }
}

impl std::error::Error for LastWord {}

/// A store's data.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) memory: MemoryLimit,
    output: Output,
    calls: mpsc::Sender<Call>,
}

impl State {
    pub(crate) fn new(memory: MemoryLimit, output: Output, calls: mpsc::Sender<Call>) -> Self {
        // Nothing is inherited: no environment, no arguments, no folder, no network, input at its end.
        let wasi = WasiCtx::builder()
            .stdout(output.descriptor(Source::RawStdout))
            .stderr(output.descriptor(Source::RawStderr))
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self { wasi, table: ResourceTable::new(), memory, output, calls }
    }

    /// The state of an instance that waits for a run.
    pub(crate) fn unused() -> Self {
        let (calls, _) = mpsc::channel(1);
        Self::new(MemoryLimit::new(MEMORY_BYTES as u64), Output::new(&Limits::default(), None), calls)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn broken(error: wren_core::Error) -> wasmtime::Error {
    wasmtime::Error::new(Broken(error))
}

fn parse(frame: &[u8]) -> Result<Frame> {
    if frame.len() > guest::MAX_FRAME_BYTES {
        let what = format!("a frame of {} bytes, more than {}", frame.len(), guest::MAX_FRAME_BYTES);
        return Err(broken(guest::broken(&what)));
    }
    Frame::parse(frame).map_err(broken)
}

impl platform::Host for State {
    async fn write(&mut self, descriptor: u8, data: Vec<u8>) -> Result<()> {
        // Any other descriptor is a script's that called this import itself.
        let source = if descriptor == 1 { Source::FramedStdout } else { Source::FramedStderr };
        self.output.push(source, &data);
        Ok(())
    }

    async fn finish(&mut self, frame: Vec<u8>) -> Result<()> {
        Err(wasmtime::Error::new(LastWord(frame)))
    }

    async fn call(&mut self, frame: Vec<u8>) -> Result<Vec<u8>> {
        let Frame::Call { id, request } = parse(&frame)? else {
            return Err(broken(guest::broken("a frame that is no `call` where only these are taken")));
        };
        let (reply, answered) = oneshot::channel();
        // Whoever answers is gone only while the run is being dropped; the guest ends at its next tick then.
        if self.calls.send(Call { id, request, reply }).await.is_ok()
            && let Ok(frame) = answered.await
        {
            return Ok(frame);
        }
        let gone = wren_core::Error::new(ErrorCode::ExecutorUnavailable, "the platform ended the run");
        Ok(encode(&guest::reply_error(id, &gone)).unwrap_or_default())
    }
}

/// Returns a frame's bytes, or their number when there are too many.
pub(crate) fn encode(frame: &Value) -> std::result::Result<Vec<u8>, usize> {
    // A `Value` has string keys only, so serialising into memory cannot fail.
    let bytes = serde_json::to_vec(frame).unwrap_or_default();
    if bytes.len() > guest::MAX_FRAME_BYTES { Err(bytes.len()) } else { Ok(bytes) }
}
