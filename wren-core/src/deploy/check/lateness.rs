//! `catch_up` of triggers of events: what happens with events that came while nothing watched.

use super::fields::{Fault, Fields};
use crate::error::ErrorCode;

/// How late an event may be seen and still not count as missed, in milliseconds: a source that looks once a minute, clocks that
/// differ, and times that are told to the minute are not a reason to drop one.
const ON_TIME_MS: u64 = 5 * 60 * 1000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum CatchUp {
    All,
    None,
}

/// Returns how old an event may be when it is first seen, in milliseconds; none when of any age. One event does not stand for
/// another, as one due time of a schedule does: so there is no `latest`.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<u64> {
    if fields.value("catch_up").and_then(|value| value.as_str()) == Some("latest") {
        let message = "catch_up is \"all\" or \"none\" for events: one does not stand for the others";
        let hint =
            "leave it out to run every event that was missed, or bound their age with catch_up_window".to_owned();
        fields.faults.push(Fault::new(Some("catch_up"), ErrorCode::InvalidMetadata, message, Some(hint)));
        return None;
    }
    let catch_up = fields.choice("catch_up", &[("all", CatchUp::All), ("none", CatchUp::None)]);
    let window = fields.duration("catch_up_window");
    if catch_up == Some(CatchUp::None) {
        if fields.has("catch_up_window") {
            let hint = "leave one of the two out".to_owned();
            let message = "catch_up_window bounds what catch_up=\"none\" does not want";
            fields.faults.push(Fault::new(Some("catch_up_window"), ErrorCode::InvalidMetadata, message, Some(hint)));
        }
        return Some(ON_TIME_MS);
    }
    window.map(|window| window.max(ON_TIME_MS))
}
