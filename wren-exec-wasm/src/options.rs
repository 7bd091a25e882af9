//! What an embedder may choose.

/// Options of a [`WasmExecutor`](crate::WasmExecutor).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WasmOptions {
    /// How many runs may be under way at once, waiting ones included; more wait for one of them to end. Each holds the memory
    /// it has written to, at most its limit.
    pub instances: u32,
    /// How many threads execute scripts; a run that waits holds none.
    pub threads: usize,
    /// The most memory that any run may get, in bytes; [`Limits`](wren_core::executor::Limits) can only lower it. Address space
    /// of this size is set aside for each instance, and no memory.
    pub max_memory_bytes: u64,
}

impl Default for WasmOptions {
    /// 256 instances, a thread for each core, 1 GiB.
    fn default() -> Self {
        Self {
            instances: 256,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            max_memory_bytes: 1 << 30,
        }
    }
}

impl WasmOptions {
    /// Sets how many runs may be under way at once; at least one.
    #[must_use]
    pub fn with_instances(mut self, instances: u32) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Sets how many threads execute scripts; at least one.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets the most memory that any run may get, in bytes.
    #[must_use]
    pub fn with_max_memory_bytes(mut self, bytes: u64) -> Self {
        self.max_memory_bytes = bytes;
        self
    }
}
