//! Which of the shipped backends to use: the one place that names them.

mod broker;
mod integrations;
mod mail;
mod vaults;

use std::fmt;
use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use chrono::Utc;
use clap::ValueEnum;
use wren_core::executor::Executor;
use wren_core::memory::MemoryStore;
use wren_core::store::{Portable, Store, unfinished_copy};
use wren_core::{Error, ErrorCode};
use wren_exec_process::{ProcessExecutor, ProcessOptions};
use wren_exec_wasm::{WasmExecutor, WasmOptions};
use wren_store_postgres::PostgresStore;
use wren_store_redb::RedbStore;
use wren_store_sqlite::SqliteStore;

pub(crate) use self::broker::make_broker;
pub(crate) use self::integrations::{Integrations, built_in_directory};
pub(crate) use self::mail::{make_inbound, make_mailboxes};
pub(crate) use self::vaults::{OpenVault, VaultChoice, is_open_to_others, open_existing_vault, open_vault};
use crate::args::DataArgs;
use crate::config::hide_password;
use crate::failure::Failure;

/// A store, as `--store` names it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    /// One file, in the data folder unless it has a path of its own.
    File(FileKind, Option<PathBuf>),
    /// A database of a PostgreSQL server, by its URL.
    Postgres(String),
    /// The process's memory.
    Memory,
}

/// What a file's store is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// SQLite.
    Sqlite,
    /// redb.
    Redb,
}

impl FileKind {
    const ALL: [Self; 2] = [Self::Sqlite, Self::Redb];

    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Redb => "redb",
        }
    }

    /// The file's name in the data folder.
    fn file(self) -> &'static str {
        match self {
            Self::Sqlite => "wren.db",
            Self::Redb => "wren.redb",
        }
    }
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let (kind, path) = match text.split_once(':') {
            Some((kind, path)) => (kind, Some(path)),
            None => (text, None),
        };
        let kind = FileKind::ALL.into_iter().find(|known| known.name() == kind);
        match (kind, path) {
            (Some(kind), None) => Ok(Self::File(kind, None)),
            (Some(kind), Some(path)) if !path.is_empty() => Ok(Self::File(kind, Some(path.into()))),
            _ => Err("expected `sqlite`, `sqlite:PATH`, `redb`, `redb:PATH`, `postgres://…` or `memory`".to_owned()),
        }
    }
}

impl fmt::Display for StoreChoice {
    /// Writes what parses as the same store, but for a password, which it leaves out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(kind, None) => formatter.write_str(kind.name()),
            Self::File(kind, Some(path)) => write!(formatter, "{}:{}", kind.name(), path.display()),
            Self::Postgres(url) => formatter.write_str(&hide_password(url)),
            Self::Memory => formatter.write_str("memory"),
        }
    }
}

impl fmt::Debug for StoreChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
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
        lasting => {
            let store = open_portable(lasting, &data.data).await?;
            refuse_unfinished(&*store).await?;
            Ok(store)
        }
    }
}

/// Refuses a store that is half of another one or of a backup: what is due in it would run before all of its history is there.
async fn refuse_unfinished(store: &dyn Portable) -> Result<(), Failure> {
    let Some(of) = unfinished_copy(store, Utc::now()).await? else { return Ok(()) };
    let error = Error::new(ErrorCode::Conflict, format!("a copy of {of} into this store has begun and not ended"));
    Err(error
        .with_hint("call `wren backup restore` or `wren store migrate` as before: it goes on where it was cut off")
        .into())
}

/// Opens a store that lasts. The one in memory is refused.
pub(crate) async fn open_portable(store: &StoreChoice, data: &Path) -> Result<Arc<dyn Portable>, Failure> {
    match store {
        StoreChoice::Memory => {
            let error = Error::new(ErrorCode::InvalidRequest, "a store in memory ends with its process");
            Err(error.with_hint("name a store that lasts: sqlite:PATH, redb:PATH or postgres://…").into())
        }
        StoreChoice::File(kind, Some(path)) => open_file(*kind, path).await,
        StoreChoice::File(kind, None) => {
            make_private_folder(data)?;
            open_file(*kind, &data.join(kind.file())).await
        }
        StoreChoice::Postgres(url) => Ok(Arc::new(PostgresStore::connect(url).await?)),
    }
}

/// Opens the store that the arguments name, which must be there: a typing error must not make an empty one.
pub(crate) async fn open_existing_store(data: &DataArgs) -> Result<Arc<dyn Store>, Failure> {
    refuse_missing(&data.store, &data.data)?;
    open_store(data).await
}

/// Refuses a file that is not there. A database that is not there refuses by itself.
pub(crate) fn refuse_missing(store: &StoreChoice, data: &Path) -> Result<(), Failure> {
    let StoreChoice::File(kind, path) = store else { return Ok(()) };
    let path = path.clone().unwrap_or_else(|| data.join(kind.file()));
    if path.is_file() {
        return Ok(());
    }
    let error = Error::not_found(format!("the database {}", path.display())).with_hint(
        "name the folder of the server with --data or WREN_DATA, or its database with --store or WREN_STORE",
    );
    Err(error.into())
}

/// Returns the options that name the same store in another command, from this folder.
pub(crate) fn as_options(data: &DataArgs) -> String {
    match &data.store {
        StoreChoice::File(FileKind::Sqlite, None) => format!("--data {}", quoted(&data.data.display().to_string())),
        StoreChoice::File(kind, None) => {
            format!("--store {} --data {}", kind.name(), quoted(&data.data.display().to_string()))
        }
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

async fn open_file(kind: FileKind, path: &Path) -> Result<Arc<dyn Portable>, Failure> {
    Ok(match kind {
        FileKind::Sqlite => Arc::new(SqliteStore::open_path(path).await?),
        FileKind::Redb => Arc::new(RedbStore::open_path(path).await?),
    })
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
        for text in
            ["sqlite", "memory", "sqlite:/var/lib/wren.db", "redb", "redb:a:b", "postgres://me@db/wren?sslmode=require"]
        {
            assert_eq!(text.parse::<StoreChoice>().unwrap().to_string(), text);
        }
        for text in ["", "sqlite:", "redb:", "postgres", "postgres:db", "memory:x", "papyrus"] {
            assert!(text.parse::<StoreChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_store_is_named_to_another_command_as_a_shell_reads_it() {
        let options = |store: &str| as_options(&DataArgs { data: "my data".into(), store: store.parse().unwrap() });
        assert_eq!(options("sqlite"), "--data 'my data'");
        assert_eq!(options("sqlite:/var/lib/wren.db"), "--store sqlite:/var/lib/wren.db");
        assert_eq!(options("redb"), "--store redb --data 'my data'");
        assert_eq!(options("sqlite:it's"), "--store 'sqlite:it'\\''s'");
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:se:cr@et@db:5432/wren",
            "postgres://db/wren?user=me&password=secret&sslmode=require",
            "postgresql://me:secret@db/wren?password=secret",
        ] {
            let shown = url.parse::<StoreChoice>().unwrap();
            for text in [
                shown.to_string(),
                format!("{shown:?}"),
                as_options(&DataArgs { data: "d".into(), store: shown.clone() }),
            ] {
                assert!(!text.contains("secret") && !text.contains("cr@et") && text.contains("/wren"), "{text}");
            }
        }
    }
}
