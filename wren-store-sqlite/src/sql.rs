//! Statements over many rows: a statement costs a hop to SQLite's thread and back, whatever it carries.

use sqlx::AssertSqlSafe;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

/// The most rows in one statement. With 29 columns this stays far below SQLite's 32,766 parameters.
const MOST_ROWS: usize = 128;

/// A statement with its arguments so far.
pub(crate) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// Cuts a list into pieces whose lengths are powers of two, so that a statement of several rows comes in eight shapes only
/// and is prepared once in each.
pub(crate) fn pieces<T>(mut list: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if list.is_empty() {
            return None;
        }
        let length = if list.len() >= MOST_ROWS { MOST_ROWS } else { 1 << list.len().ilog2() };
        let (piece, rest) = list.split_at(length);
        list = rest;
        Some(piece)
    })
}

/// Puts `rows` tuples of `columns` parameters in the place of `{rows}`.
pub(crate) fn with_rows(template: &str, rows: usize, columns: usize) -> Statement {
    let tuple = format!("({})", vec!["?"; columns].join(", "));
    let text = template.replace("{rows}", &vec![tuple.as_str(); rows].join(", "));
    // Safe: the template is one of this crate's, and only question marks were added.
    sqlx::query(AssertSqlSafe(text))
}

/// Puts a list of `count` parameters in the place of `{list}`.
pub(crate) fn with_list(template: &str, count: usize) -> Statement {
    let text = template.replace("{list}", &vec!["?"; count].join(", "));
    // Safe: the template is one of this crate's, and only question marks were added.
    sqlx::query(AssertSqlSafe(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_list_in_few_shapes() {
        let list: Vec<usize> = (0..300).collect();
        let lengths: Vec<usize> = pieces(&list).map(<[usize]>::len).collect();
        assert_eq!(lengths, [128, 128, 32, 8, 4]);
        assert_eq!(pieces(&list).flatten().copied().collect::<Vec<_>>(), list);
        assert_eq!(pieces::<u8>(&[]).count(), 0);
    }
}
