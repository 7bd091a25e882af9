//! redb: as many entries of the same sizes, all in one table. The file says how large those of each of its tables are, so
//! that nothing here knows what they mean.

use std::path::Path;
use std::time::Instant;

use redb::{Database, ReadableDatabase as _, ReadableTableMetadata as _, TableDefinition};
use wren_store_redb::RedbStore;

use super::{Row, Technology, per_second, record, whole_batches};
use crate::Failure;
use crate::workload::BATCH;

/// The place of a table and the number of a due time → as many bytes as an entry of that table has beyond these.
const ENTRIES: TableDefinition<'static, (u8, u128), &[u8]> = TableDefinition::new("entries");
const KEY_BYTES: usize = 17;

pub(crate) async fn redb(folder: &Path, fires: usize) -> Result<Row, Failure> {
    let fires = whole_batches(fires);
    let recorded = folder.join("recorded.redb");
    let store = RedbStore::open_path(&recorded).await?;
    let rate = record(&store, fires).await?;
    store.close().await?;
    drop(store);
    let raw = folder.join("raw.redb");
    let inserting = tokio::task::spawn_blocking(move || {
        let sizes = entry_sizes(&recorded, fires)?;
        insert(&raw, &sizes, fires)
    });
    let raw_rate = inserting.await??;
    Ok(Row::new(Technology::Redb, fires, rate, "insert into one table, Durability::Immediate", raw_rate))
}

/// Returns the average size of an entry of each table that has one for every due time.
fn entry_sizes(recorded: &Path, fires: usize) -> Result<Vec<usize>, Failure> {
    let database = Database::open(recorded)?;
    let reading = database.begin_read()?;
    let mut sizes = Vec::new();
    for table in reading.list_tables()? {
        let table = reading.open_untyped_table(table)?;
        let entries = table.len()?;
        if entries >= fires as u64 {
            sizes.push(usize::try_from(table.stats()?.stored_bytes() / entries)?);
        }
    }
    if sizes.is_empty() {
        return Err("no table has an entry for every due time".into());
    }
    Ok(sizes)
}

fn insert(path: &Path, sizes: &[usize], fires: usize) -> Result<f64, Failure> {
    let database = Database::create(path)?;
    let values: Vec<Vec<u8>> = sizes.iter().map(|size| vec![b'x'; size.saturating_sub(KEY_BYTES)]).collect();
    let started = Instant::now();
    for first in (0..fires).step_by(BATCH) {
        let writing = database.begin_write()?;
        let mut table = writing.open_table(ENTRIES)?;
        for number in first..first + BATCH {
            for (place, value) in (0..).zip(&values) {
                table.insert((place, number as u128), value.as_slice())?;
            }
        }
        drop(table);
        writing.commit()?;
    }
    Ok(per_second(fires, started))
}
