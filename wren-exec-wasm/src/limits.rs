//! What an instance may take of the machine.

use wasmtime::{ResourceLimiter, Result};

/// Refuses memory over the run's limit. The guest sees that as an allocation which failed: a `MemoryError`.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    bytes: usize,
    refused: bool,
}

impl MemoryLimit {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes: usize::try_from(bytes).unwrap_or(usize::MAX), refused: false }
    }

    /// Says whether the guest was refused memory.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let granted = desired <= self.bytes && maximum.is_none_or(|maximum| desired <= maximum);
        self.refused |= !granted;
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        // CPython's tables are made whole at the start; nothing that is honest grows one.
        Ok(current == 0 || desired <= current)
    }
}
