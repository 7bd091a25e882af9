//! Which of the shipped backends to use: the one place that names them.

use std::fmt;
use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use wren_core::Error;
use wren_core::executor::Executor;
use wren_core::memory::MemoryStore;
use wren_core::store::Store;
use wren_exec_process::{ProcessExecutor, ProcessOptions};
use wren_exec_wasm::{WasmExecutor, WasmOptions};
use wren_store_sqlite::SqliteStore;

use crate::args::DataArgs;
use crate::failure::Failure;

/// The database's file in the data folder.
const DATABASE: &str = "wren.db";

/// A store, as `--store` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    /// A SQLite file, in the data folder unless it has a path of its own.
    Sqlite(Option<PathBuf>),
    /// The process's memory.
    Memory,
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "sqlite" => Ok(Self::Sqlite(None)),
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(Some(path.into()))),
            _ => Err("expected `sqlite`, `sqlite:PATH` or `memory`".to_owned()),
        }
    }
}

impl fmt::Display for StoreChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(None) => formatter.write_str("sqlite"),
            Self::Sqlite(Some(path)) => write!(formatter, "sqlite:{}", path.display()),
            Self::Memory => formatter.write_str("memory"),
        }
    }
}

/// An executor, as `--executor` names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExecutorChoice {
    /// CPython on WebAssembly, which is part of this program.
    #[default]
    Wasm,
    /// The machine's CPython in a sandboxed process.
    Process,
}

/// Opens the store that the arguments name.
pub(crate) async fn open_store(data: &DataArgs) -> Result<Arc<dyn Store>, Failure> {
    match &data.store {
        StoreChoice::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreChoice::Sqlite(Some(path)) => open_sqlite(path).await,
        StoreChoice::Sqlite(None) => {
            make_private_folder(&data.data)?;
            open_sqlite(&data.data.join(DATABASE)).await
        }
    }
}

/// Opens the store that the arguments name, which must be there: a typing error must not make an empty one.
pub(crate) async fn open_existing_store(data: &DataArgs) -> Result<Arc<dyn Store>, Failure> {
    let path = match &data.store {
        StoreChoice::Memory => None,
        StoreChoice::Sqlite(Some(path)) => Some(path.clone()),
        StoreChoice::Sqlite(None) => Some(data.data.join(DATABASE)),
    };
    if let Some(path) = path.filter(|path| !path.is_file()) {
        let error = Error::not_found(format!("the database {}", path.display()))
            .with_hint("name the folder of the server with --data or WREN_DATA, or its database with --store");
        return Err(error.into());
    }
    open_store(data).await
}

/// Returns the options that name the same store in another command, from this folder.
pub(crate) fn as_options(data: &DataArgs) -> String {
    match &data.store {
        StoreChoice::Sqlite(None) => format!("--data {}", quoted(&data.data.display().to_string())),
        store => format!("--store {}", quoted(&store.to_string())),
    }
}

/// Returns a text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-:@+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

async fn open_sqlite(path: &Path) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(SqliteStore::open_path(path).await?))
}

/// Makes the data folder for its user alone: it holds scripts, logs and sealed credentials.
fn make_private_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let failed = |error| Failure::internal(format!("creating the data folder {}", folder.display()), error);
    builder.create(folder).map_err(failed)
}

/// Makes the executors that scripts may name, the default one first. Whether each can run scripts on this machine is for its
/// `check` to say, which also looks for the machine's Python. `concurrency` is how many runs there will be at once, if that
/// is known.
pub(crate) fn make_executors(default: ExecutorChoice, concurrency: Option<usize>) -> Vec<Arc<dyn Executor>> {
    let mut options = WasmOptions::default();
    if let Some(runs) = concurrency {
        // Imports at deploys come on top of the runs.
        options.instances = options.instances.max(u32::try_from(runs).unwrap_or(u32::MAX).saturating_add(16));
    }
    let wasm: Arc<dyn Executor> = Arc::new(WasmExecutor::start(options));
    let process: Arc<dyn Executor> = Arc::new(ProcessExecutor::new(ProcessOptions::default()));
    match default {
        ExecutorChoice::Wasm => vec![wasm, process],
        ExecutorChoice::Process => vec![process, wasm],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_kind_and_path() {
        for text in ["sqlite", "memory", "sqlite:/var/lib/wren.db"] {
            assert_eq!(text.parse::<StoreChoice>().unwrap().to_string(), text);
        }
        for text in ["", "sqlite:", "postgres", "memory:x"] {
            assert!(text.parse::<StoreChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_store_is_named_to_another_command_as_a_shell_reads_it() {
        let options = |store: &str| as_options(&DataArgs { data: "my data".into(), store: store.parse().unwrap() });
        assert_eq!(options("sqlite"), "--data 'my data'");
        assert_eq!(options("sqlite:/var/lib/wren.db"), "--store sqlite:/var/lib/wren.db");
        assert_eq!(options("sqlite:it's"), "--store 'sqlite:it'\\''s'");
    }
}
