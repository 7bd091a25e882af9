//! Opaque cursors: the sort key of the last item of a page, so that a page does not move when others write.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use wren_core::{Error, ErrorCode, Result};

use crate::rows::micros;

/// Encodes the place after an item of the list named by `list`.
pub(crate) fn encode(list: &str, at: DateTime<Utc>, id: impl Display) -> String {
    format!("{list}.{}.{id}", micros(at))
}

/// Decodes what [`encode`] returned for the same list: the instant in microseconds and the id.
pub(crate) fn decode<Id: FromStr>(list: &str, cursor: &str) -> Result<(i64, Id)> {
    parse(list, cursor)
        .ok_or_else(|| Error::new(ErrorCode::InvalidRequest, format!("the cursor is not one of the list of {list}")))
}

fn parse<Id: FromStr>(list: &str, cursor: &str) -> Option<(i64, Id)> {
    let (micros, id) = cursor.strip_prefix(list)?.strip_prefix('.')?.split_once('.')?;
    Some((micros.parse().ok()?, id.parse().ok()?))
}
