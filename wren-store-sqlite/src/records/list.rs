//! Lists of records by prefix.

use chrono::{DateTime, Utc};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;
use wren_core::Result;
use wren_core::store::{Namespace, Record, RecordKey};

use super::{Place, record};
use crate::error::OrStoreError;
use crate::rows::{Columns, micros};

/// Selects these columns of the records of a [`Range`].
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

/// Which records to list.
pub(super) struct Range<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) prefix: &'a str,
    pub(super) after: Option<&'a str>,
    pub(super) limit: usize,
    pub(super) now: DateTime<Utc>,
}

impl Range<'_> {
    /// Returns the records.
    pub(super) async fn records(&self, readers: &SqlitePool) -> Result<Vec<Record>> {
        let rows = self.fetch(readers, select!("key, value, version, expires_at")).await?;
        rows.iter().map(record).collect()
    }

    /// Returns the keys and sizes. SQLite takes the length of a blob from the row's header: the pages of a value are not
    /// read, unless an expiry, which stands behind it in the row, has to be looked at.
    pub(super) async fn keys(&self, readers: &SqlitePool) -> Result<Vec<RecordKey>> {
        let rows = self.fetch(readers, select!("key, length(value)")).await?;
        rows.iter()
            .map(|row| {
                let mut columns = Columns::new(row);
                Ok(RecordKey { key: columns.take()?, bytes: columns.number("size")? })
            })
            .collect()
    }

    async fn fetch(&self, readers: &SqlitePool, text: &'static str) -> Result<Vec<SqliteRow>> {
        let place = Place::of(self.namespace);
        sqlx::query(text)
            .bind(place.owner)
            .bind(place.space)
            // Where the list goes on, not where it begins, is where the index is entered.
            .bind(self.after.filter(|after| *after > self.prefix).unwrap_or(self.prefix).to_owned())
            .bind(end_of(self.prefix))
            .bind(self.after.map(str::to_owned))
            .bind(micros(self.now))
            .bind(i64::try_from(self.limit).unwrap_or(i64::MAX))
            .fetch_all(readers)
            .await
            .or_store_error()
    }
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
