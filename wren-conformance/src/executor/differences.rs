//! Where executors may differ, in one table.

use wren_core::executor::Executor;

/// Something that a script can count on in some executors only. A case that meets one asserts both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Threads can be started, and several host calls of a run are under way at once. Without: `UNSUPPORTED_IMPORT`, with the
    /// process executor in the hint.
    Threads,
    /// There is a folder for scratch files. Without: `OSError`.
    ScratchFiles,
    /// Each run has a seed of its own for the hashes of strings. Without: the seed is the executor's.
    HashSeed,
    /// `urllib.request` and `http.client` ask the platform. Without: there is no network behind them.
    UrllibThroughHost,
    /// An `await` that nothing can end is found out: it fails at once instead of waiting for its timeout.
    FindsDeadlocks,
}

/// A feature, whether executors have it, and the executors of which the opposite is true.
const TABLE: [(Feature, bool, &[&str]); 5] = [
    (Feature::Threads, true, &["wasm"]),
    (Feature::ScratchFiles, true, &["wasm"]),
    (Feature::HashSeed, true, &["wasm"]),
    (Feature::UrllibThroughHost, false, &["wasm"]),
    (Feature::FindsDeadlocks, false, &["wasm"]),
];

impl Feature {
    /// Says whether an executor has it.
    #[must_use]
    pub fn of(self, executor: &dyn Executor) -> bool {
        TABLE.iter().any(|(feature, usual, others)| *feature == self && *usual != others.contains(&executor.name()))
    }
}
