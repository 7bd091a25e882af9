//! Opaque cursors: the sort key of the last item of a page, so that a page does not move when others write.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorCode, Result};

/// Encodes the place after an item of the list named by `list`.
pub(super) fn encode(list: &str, at: DateTime<Utc>, id: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{}:{id}", at.timestamp_micros()))
}

/// Decodes what [`encode`] returned for the same list.
pub(super) fn decode<Id: FromStr>(list: &str, cursor: &str) -> Result<(DateTime<Utc>, Id)> {
    parse(list, cursor)
        .ok_or_else(|| Error::new(ErrorCode::InvalidRequest, format!("the cursor is not one of the list of {list}")))
}

fn parse<Id: FromStr>(list: &str, cursor: &str) -> Option<(DateTime<Utc>, Id)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (micros, id) = text.strip_prefix(list)?.strip_prefix(':')?.split_once(':')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
}
