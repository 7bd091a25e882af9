//! The engine, the pool of instances and the threads that execute them.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store};

use wren_core::guest;

use crate::artifact::{self, NEEDS};
use crate::bindings::{Guest, GuestPre, wren};
use crate::bytecode::Bytecode;
use crate::epoch::Ticker;
use crate::options::WasmOptions;
use crate::state::State;
use crate::tuning;

/// Core modules that the guest is linked of, shims included, with room for the next version.
const CORE_INSTANCES: u32 = 64;

/// Everything that runs share.
pub(crate) struct Machine {
    engine: Engine,
    guest: GuestPre<State>,
    pub(crate) ticker: Ticker,
    pub(crate) bytecode: Bytecode,
    /// One permit for each instance of the pool.
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
        let max_memory_bytes = options.max_memory_bytes.clamp(NEEDS.memory_bytes, u32::MAX.into());
        let mut config = tuning::config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options, max_memory_bytes)));
        let engine = Engine::new(&config)?;
        let component = artifact::load(&engine)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wren::guest::platform::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        let guest = GuestPre::new(linker.instantiate_pre(&component)?)?;
        let ticker = Ticker::start(&engine)?;
        // Threads of their own: however busy scripts are, the embedder's runtime serves everything else.
        let threads = Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("wren-wasm")
            .enable_time()
            .build()?;
        Ok(Self {
            engine,
            guest,
            ticker,
            bytecode: Bytecode::default(),
            slots: Arc::new(Semaphore::new(options.instances.max(1) as usize)),
            max_memory_bytes,
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

fn pool(options: &WasmOptions, max_memory_bytes: u64) -> PoolingAllocationConfig {
    let (needs, instances) = (*NEEDS, options.instances.max(1));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .total_memories(instances.saturating_mul(needs.memories))
        .total_tables(instances.saturating_mul(needs.tables))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(needs.memories)
        .max_tables_per_component(needs.tables)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .table_elements(needs.table_elements as usize)
        .max_memory_size(usize::try_from(max_memory_bytes).unwrap_or(usize::MAX))
        // Of a run's memory, what it wrote to is found by asking the kernel and set back; the rest is left mapped.
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}
