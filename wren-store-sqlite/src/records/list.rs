//! Lists of records by prefix.

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;
use wren_core::Result;
use wren_core::store::kit::RecordList;
use wren_core::store::{Record, RecordKey};

use super::{Place, record};
use crate::error::OrStoreError;
use crate::rows::{Columns, micros};

/// Selects these columns of the records of a list.
macro_rules! select {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM records WHERE owner = ?1 AND space = ?2 AND key >= ?3 AND (?4 IS NULL OR key < ?4) \
             AND (?5 IS NULL OR key > ?5) AND (expires_at IS NULL OR expires_at > ?6) ORDER BY key LIMIT ?7"
        )
    };
}

/// Returns the records.
pub(crate) async fn records(readers: &SqlitePool, list: RecordList<'_>) -> Result<Vec<Record>> {
    let rows = fetch(readers, list, select!("key, value, version, expires_at")).await?;
    rows.iter().map(record).collect()
}

/// Returns the keys and sizes. SQLite takes the length of a blob from the row's header: the pages of a value are not
/// read, unless an expiry, which stands behind it in the row, has to be looked at.
pub(crate) async fn keys(readers: &SqlitePool, list: RecordList<'_>) -> Result<Vec<RecordKey>> {
    let rows = fetch(readers, list, select!("key, length(value)")).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok(RecordKey { key: columns.take()?, bytes: columns.number("size")? })
        })
        .collect()
}

async fn fetch(readers: &SqlitePool, list: RecordList<'_>, text: &'static str) -> Result<Vec<SqliteRow>> {
    let place = Place::of(list.namespace);
    sqlx::query(text)
        .bind(place.owner)
        .bind(place.space)
        // Where the list goes on, not where it begins, is where the index is entered.
        .bind(list.after.filter(|after| *after > list.prefix).unwrap_or(list.prefix).to_owned())
        .bind(end_of(list.prefix))
        .bind(list.after.map(str::to_owned))
        .bind(micros(list.now))
        .bind(i64::try_from(list.limit).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await
        .or_store_error()
}

/// Returns the first text after all that begin with `prefix`, where there is one.
fn end_of(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // The order of UTF-8 bytes is that of the code points; between U+D7FF and U+E000 lie the surrogates.
        if let Some(next) = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32) {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_after_every_text_that_begins_with_it() {
        assert_eq!(end_of("a"), Some("b".into()));
        assert_eq!(end_of(""), None);
        assert_eq!(end_of("a\u{10FFFF}"), Some("b".into()));
        assert_eq!(end_of("\u{D7FF}"), Some("\u{E000}".into()));
    }
}
