//! How to open the store.

use std::path::{Path, PathBuf};

/// How to open a [`RedbStore`](crate::RedbStore).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RedbOptions {
    /// The file.
    pub path: PathBuf,
    /// Whether a missing file, and the folders above it, are created; true by default.
    pub create_if_missing: bool,
    /// How much of the file is kept in memory, in bytes; 64 MiB by default.
    pub cache_bytes: usize,
    /// Whether every page is verified when the file is opened; false by default. Takes longer the larger the file.
    pub verify: bool,
}

impl RedbOptions {
    /// Returns options for a file, with the defaults.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), create_if_missing: true, cache_bytes: 64 * 1024 * 1024, verify: false }
    }

    /// Sets whether a missing file is created.
    #[must_use]
    pub fn with_create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Sets how much of the file is kept in memory, in bytes.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets whether every page is verified when the file is opened.
    #[must_use]
    pub fn with_verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }
}
