//! The engine, the pool of instances and the threads that execute them.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Result, Store};

use wren_core::guest;

use crate::artifact::{self, MEMORY_BYTES};
use crate::bindings::{Guest, GuestPre, wren};
use crate::bytecode::Bytecode;
use crate::epoch::Ticker;
use crate::memory::Memories;
use crate::options::WasmOptions;
use crate::stacks::Stacks;
use crate::state::State;
use crate::tuning;

/// Free slots that keep their pages, for each thread: a run that waits lets another one begin.
const WARM_SLOTS_PER_THREAD: usize = 4;

/// Everything that runs share.
pub(crate) struct Machine {
    engine: Engine,
    guest: GuestPre<State>,
    pub(crate) ticker: Ticker,
    pub(crate) bytecode: Bytecode,
    /// One permit for each instance that there may be.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) max_memory_bytes: u64,
    /// Gone only while this is being dropped.
    threads: Option<Runtime>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Machine").field("free_slots", &self.slots.available_permits()).finish_non_exhaustive()
    }
}

impl Machine {
    pub(crate) fn start(options: &WasmOptions) -> Result<Self> {
        let threads = options.threads.max(1);
        let mut config = tuning::config();
        config
            .with_host_memory(Arc::new(Memories::new(artifact::image()?, threads * WARM_SLOTS_PER_THREAD)))
            .with_host_stack(Arc::new(Stacks::default()));
        let engine = Engine::new(&config)?;
        let component = artifact::code(&engine)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wren::guest::platform::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        let guest = GuestPre::new(linker.instantiate_pre(&component)?)?;
        let ticker = Ticker::start(&engine)?;
        // Threads of their own: however busy scripts are, the embedder's runtime serves everything else.
        let threads = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("wren-wasm")
            .enable_time()
            .build()?;
        Ok(Self {
            engine,
            guest,
            ticker,
            bytecode: Bytecode::default(),
            slots: Arc::new(Semaphore::new(options.instances.max(1) as usize)),
            max_memory_bytes: options.max_memory_bytes.clamp(MEMORY_BYTES as u64, u32::MAX.into()),
            threads: Some(threads),
        })
    }

    /// Starts a task on the threads for scripts.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<tokio::task::JoinHandle<T>> {
        self.threads.as_ref().map(|threads| threads.spawn(task))
    }

    /// Makes a fresh interpreter.
    pub(crate) async fn instantiate(&self, state: State) -> (Store<State>, Result<Guest>) {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        // What one call may make the host copy: a script can hand over more than its frames may hold.
        store.set_hostcall_fuel(2 * guest::MAX_FRAME_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let guest = self.guest.instantiate_async(&mut store).await;
        (store, guest)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            // Waiting would panic within an async task; what still runs sees its task dropped at the next tick.
            threads.shutdown_background();
        }
    }
}
