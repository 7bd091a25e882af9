//! Opaque cursors: the sort key of the last item of a page, so that a page does not move when others write.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::backend::Place;
use crate::error::{Error, ErrorCode, Result};

/// Encodes the place after an item of the list named by `list`.
pub(crate) fn encode(list: &str, at: DateTime<Utc>, id: impl Display) -> String {
    format!("{list}.{}.{id}", at.timestamp_micros())
}

/// Decodes what [`encode`] returned for the same list.
pub(crate) fn decode<Id: FromStr>(list: &str, cursor: &str) -> Result<Place<Id>> {
    parse(list, cursor)
        .ok_or_else(|| Error::new(ErrorCode::InvalidRequest, format!("the cursor is not one of the list of {list}")))
}

fn parse<Id: FromStr>(list: &str, cursor: &str) -> Option<Place<Id>> {
    let (micros, id) = cursor.strip_prefix(list)?.strip_prefix('.')?.split_once('.')?;
    Some(Place { at: DateTime::from_timestamp_micros(micros.parse().ok()?)?, id: id.parse().ok()? })
}
