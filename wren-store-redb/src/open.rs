//! Opening the file: whose it is, and of which version.

use std::io::{ErrorKind, Read as _};
use std::panic::AssertUnwindSafe;
use std::path::Path;

use redb::{Database, ReadableDatabase as _, TableHandle as _, WriteTransaction};
use wren_core::store::kit::file;
use wren_core::{Error, ErrorCode, Result};

use crate::error::{OrStoreError, foreign, panicked};
use crate::layout::{
    ACTIVE, ASTRAY, ATTEMPTS, COMPLETED, CURSORS, DEPLOYMENTS, DEPLOYMENTS_OF_OWNER, EXPIRIES, KEYS, LAST_RUNS, LOGS,
    META, NAMES, PAUSES, PAYLOADS, PROGRESS, RECORDS, RESULTS, REVISIONS, RUNS, RUNS_OF_DEPLOYMENT, RUNS_OF_OWNER,
    RUNS_OF_TRIGGER, SCHEMA, SCRIPTS, TRIGGERS, TRIGGERS_OF, VERSION,
};
use crate::options::RedbOptions;
use crate::rows::Opens;

/// What every file of redb begins with.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// Opens the file, creates it if that is wanted, and makes the tables it lacks. A file that turns out not to be ours is left
/// as it was.
pub(crate) fn open(options: &RedbOptions) -> Result<Database> {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(options.verify);
    if options.create_if_missing && !options.path.exists() {
        create(&builder, &options.path)?;
    }
    file::find_or_create(&options.path, false)?;
    let is_empty = check_magic(options)?;
    // Over a damaged page redb panics.
    let opening = AssertUnwindSafe(|| {
        if !is_empty {
            look(&builder, options)?;
        }
        open_to_write(&builder, &options.path)
    });
    std::panic::catch_unwind(opening).unwrap_or_else(|_| Err(panicked()))
}

/// Makes a file under another name and gives it its own once it is whole: redb cannot open one that it had only begun when
/// the process was killed, and whoever comes at the same time finds no file or a whole one.
fn create(builder: &redb::Builder, path: &Path) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let begun = path.with_file_name(name);
    file::find_or_create(&begun, true)?;
    let failed = |error| {
        file::unavailable("the store cannot be created", path)
            .with_hint("check the path and this user's access to its folder")
            .with_source(error)
    };
    let made = open_to_write(builder, &begun).map(drop).and_then(|()| match std::fs::hard_link(&begun, path) {
        // Without the folder's sync a power cut could take the file back, with all that was acknowledged since.
        Ok(()) => sync_folder(path).map_err(failed),
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    });
    let _ = std::fs::remove_file(&begun);
    made
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn open_to_write(builder: &redb::Builder, path: &Path) -> Result<Database> {
    let database = builder.create(path).or_store_error()?;
    let transaction = database.begin_write().or_store_error()?;
    if prepare(&transaction)? {
        transaction.commit().or_store_error()?;
    }
    Ok(database)
}

/// Looks whose file it is before it is opened to be written: redb writes in a file when it opens it, and when it closes it.
fn look(builder: &redb::Builder, options: &RedbOptions) -> Result<()> {
    let database = match builder.open_read_only(&options.path) {
        Ok(database) => database,
        // Nobody closed it. What redb mends then it would mend for its owner, too, and nothing that is in it is lost.
        Err(redb::DatabaseError::RepairAborted) => return Ok(()),
        Err(error) => return Err(error).or_store_error(),
    };
    let transaction = database.begin_read().or_store_error()?;
    let names = transaction.list_tables().or_store_error()?.map(|table| table.name().to_owned()).collect();
    is_ready(&transaction, names).map(drop)
}

/// Opens a file again that was open before: it is not created anew.
pub(crate) fn again(options: &RedbOptions) -> Result<Database> {
    open(&options.clone().with_create_if_missing(false))
}

/// Refuses what redb did not write; says whether the file is empty.
fn check_magic(options: &RedbOptions) -> Result<bool> {
    let mut head = Vec::new();
    std::fs::File::open(&options.path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head))
        .map_err(|error| file::unavailable("the store cannot be read", &options.path).with_source(error))?;
    if head.is_empty() || head == MAGIC {
        return Ok(head.is_empty());
    }
    Err(file::unavailable("the file is not a redb database", &options.path)
        .with_hint("check the path; the file was left as it is, move it away or name another"))
}

/// Says whether a file with these tables has all of ours; refuses one that is another program's or a newer version's.
fn is_ready(transaction: &impl Opens, names: Vec<String>) -> Result<bool> {
    let is_ours = names.iter().any(|name| name == META.name());
    let version = if is_ours { transaction.table(META)?.get_version()? } else { None };
    match version {
        Some(VERSION) => Ok(true),
        Some(newer) if newer > VERSION => {
            let message = format!("the store has schema version {newer}, this binary knows up to {VERSION}");
            Err(Error::new(ErrorCode::StoreUnavailable, message)
                .with_hint("a newer Wren wrote it: use that one or a later one; the file was left as it is"))
        }
        None if !names.is_empty() => Err(foreign()),
        Some(_) | None => Ok(false),
    }
}

/// Makes the tables, unless the file has them; says whether it did.
fn prepare(transaction: &WriteTransaction) -> Result<bool> {
    let names = transaction.list_tables().or_store_error()?.map(|table| table.name().to_owned()).collect();
    if is_ready(transaction, names)? {
        return Ok(false);
    }
    macro_rules! make {
        ($($table:expr),* $(,)?) => { $(transaction.table($table)?;)* };
    }
    make!(
        ACTIVE,
        ASTRAY,
        ATTEMPTS,
        COMPLETED,
        CURSORS,
        DEPLOYMENTS,
        DEPLOYMENTS_OF_OWNER,
        EXPIRIES,
        KEYS,
        LAST_RUNS,
        LOGS,
        NAMES,
        PAUSES,
        PAYLOADS,
        PROGRESS,
        RECORDS,
        RESULTS,
        REVISIONS,
        RUNS,
        RUNS_OF_DEPLOYMENT,
        RUNS_OF_OWNER,
        RUNS_OF_TRIGGER,
        SCRIPTS,
        TRIGGERS,
        TRIGGERS_OF,
    );
    transaction.table(META)?.insert(SCHEMA, VERSION).or_store_error()?;
    Ok(true)
}

trait Version {
    fn get_version(&self) -> Result<Option<u64>>;
}

impl<T: redb::ReadableTable<&'static str, u64>> Version for T {
    fn get_version(&self) -> Result<Option<u64>> {
        Ok(self.get(SCHEMA).or_store_error()?.map(|version| version.value()))
    }
}
