//! The engine, the pool of instances and the threads that execute them.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// A fresh instance, to be used once.
pub(crate) struct Interpreter {
    pub(crate) store: Store<State>,
    pub(crate) guest: Guest,
}

/// What a run leaves behind: the instance, or what there was of it, and the permit for it.
pub(crate) struct Remains {
    pub(crate) store: Option<Store<State>>,
    pub(crate) slot: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Remains {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Remains").finish_non_exhaustive()
    }
}

/// Everything that runs share.
pub(crate) struct Machine {
    engine: Engine,
    guest: GuestPre<State>,
    pub(crate) ticker: Ticker,
    pub(crate) bytecode: Bytecode,
    /// One permit for each instance that there may be.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) max_memory_bytes: u64,
    /// Interpreters that nothing has run in yet, one for each thread: making one takes longer than a short run.
    spares: Mutex<Vec<Interpreter>>,
    most_spares: usize,
    /// Gone only while this is being dropped.
    threads: Option<Runtime>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Machine").field("free_slots", &self.slots.available_permits()).finish_non_exhaustive()
    }
}

impl Machine {
    pub(crate) fn start(options: &WasmOptions) -> Result<Arc<Self>> {
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
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("wren-wasm").enable_time().build()?;
        let machine = Arc::new(Self {
            engine,
            guest,
            ticker,
            bytecode: Bytecode::default(),
            slots: Arc::new(Semaphore::new(options.instances.max(1) as usize)),
            max_memory_bytes: options.max_memory_bytes.clamp(MEMORY_BYTES as u64, u32::MAX.into()),
            spares: Mutex::default(),
            most_spares: threads,
            threads: Some(runtime),
        });
        for _ in 0..machine.most_spares {
            let spared = Arc::clone(&machine);
            machine.spawn(async move { spared.spare_one().await });
        }
        Ok(machine)
    }

    /// Starts a task on the threads for scripts.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<tokio::task::JoinHandle<T>> {
        self.threads.as_ref().map(|threads| threads.spawn(task))
    }

    /// Returns a fresh interpreter.
    ///
    /// # Errors
    /// Address space or memory for it is missing.
    pub(crate) async fn interpreter(&self, state: State) -> Result<Interpreter> {
        let spare = self.spares.lock().pop();
        let mut interpreter = match spare {
            Some(spare) => spare,
            None => self.instantiate().await?,
        };
        *interpreter.store.data_mut() = state;
        interpreter.store.set_epoch_deadline(1);
        Ok(interpreter)
    }

    /// Sets an instance back, lets the next run have its place, and makes up for the spare that was taken. Nobody waits for that.
    pub(crate) fn retire(self: &Arc<Self>, remains: Remains) {
        let machine = Arc::clone(self);
        self.spawn(async move {
            drop(remains.store);
            drop(remains.slot);
            machine.spare_one().await;
        });
    }

    async fn spare_one(&self) {
        if self.spares.lock().len() < self.most_spares
            // What is wrong now the next run will say.
            && let Ok(interpreter) = self.instantiate().await
        {
            self.spares.lock().push(interpreter);
        }
    }

    async fn instantiate(&self) -> Result<Interpreter> {
        let mut store = Store::new(&self.engine, State::unused());
        store.limiter(|state| &mut state.memory);
        // What one call may make the host copy: a script can hand over more than its frames may hold.
        store.set_hostcall_fuel(2 * guest::MAX_FRAME_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let guest = self.guest.instantiate_async(&mut store).await?;
        Ok(Interpreter { store, guest })
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
