//! How much of a script one finding repeats: enough to recognise it, whatever the script holds.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorClass, WireError};

/// A name of half a megabyte would otherwise stand in every finding about it.
const LONGEST_TEXT: usize = 1000;
const LONGEST_DETAIL: usize = 200;
const LONGEST_TRACEBACK: usize = 16 * 1024;
const MOST_ENTRIES: usize = 20;
const DEEPEST: usize = 4;

/// Returns a finding with what is too long in it cut short.
pub(super) fn bounded(error: Error) -> Error {
    if error.class() == ErrorClass::InternalError {
        // It holds nothing of a script, and its cause would be lost.
        return error;
    }
    let wire = WireError::from(&error);
    let details = wire.details.iter().map(|(key, value)| (key.clone(), short_within(value, DEEPEST))).collect();
    Error::from(WireError {
        message: cut(&wire.message, LONGEST_TEXT),
        hint: wire.hint.map(|hint| cut(&hint, LONGEST_TEXT)),
        traceback: wire.traceback.map(|text| cut(&text, LONGEST_TRACEBACK)),
        details,
        ..wire
    })
}

/// Returns a value with its long strings, lists and tables cut short.
pub(super) fn short(value: &Value) -> Value {
    short_within(value, DEEPEST)
}

/// Returns a table as [`short`] does, without a copy of the whole.
pub(super) fn short_table(entries: &Map<String, Value>) -> Value {
    table_within(entries, DEEPEST)
}

fn short_within(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) => Value::from(cut(text, LONGEST_DETAIL)),
        Value::Array(_) | Value::Object(_) if depth == 0 => Value::from("…"),
        Value::Array(items) => {
            let mut shown: Vec<Value> =
                items.iter().take(MOST_ENTRIES).map(|item| short_within(item, depth - 1)).collect();
            if items.len() > MOST_ENTRIES {
                shown.push(Value::from(format!("… and {} more", items.len() - MOST_ENTRIES)));
            }
            Value::Array(shown)
        }
        Value::Object(entries) => table_within(entries, depth),
        other => other.clone(),
    }
}

fn table_within(entries: &Map<String, Value>, depth: usize) -> Value {
    let shown = entries.iter().take(MOST_ENTRIES);
    let mut shown: Map<String, Value> =
        shown.map(|(key, value)| (cut(key, LONGEST_DETAIL), short_within(value, depth.saturating_sub(1)))).collect();
    if entries.len() > MOST_ENTRIES {
        shown.insert("…".to_owned(), Value::from(format!("and {} more", entries.len() - MOST_ENTRIES)));
    }
    Value::Object(shown)
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_finding_repeats_no_more_than_is_recognised() {
        let endless = "é".repeat(10_000);
        let error = Error::new(ErrorCode::FunctionNotFound, format!("no `{endless}`"))
            .with_hint(endless.as_str())
            .with_detail("got", vec![endless.as_str(); 1000])
            .with_detail("names", json!({"a": {"b": {"c": {"d": [1]}}}}));
        let wire = serde_json::to_string(&WireError::from(&bounded(error))).unwrap();
        assert!(wire.len() < 20_000, "{}", wire.len());
        assert!(wire.contains("… and 980 more"));
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let value = json!({"cron": "0 9 * * *", "from": ["a", "b"], "backoff": {"max": "1m"}, "retries": 3});
        assert_eq!(short(&value), value);
    }
}
