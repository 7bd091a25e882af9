//! JSON objects that have each key once.
//!
//! RFC 8259, section 4, leaves open what a key means that is there twice: most readers take the last, some the first. Whoever
//! looked at the request on its way, or wrote it, may have meant the other one, so here it is refused.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use wren_core::Error;

use crate::error::invalid;

/// How much of a key is shown, in characters.
const SHOWN: usize = 64;
/// What stands between a key and its place in an error of serde_json, which would take a key that ends like a place for one.
const END: char = '`';

/// Refuses a text in which an object has a key twice. What is no JSON passes: who parses it says so.
///
/// # Errors
/// `INVALID_REQUEST` with the key's path and place.
pub(crate) fn expect_unique_keys(text: &str) -> Result<(), Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, Unique>(&mut deserializer) else { return Ok(()) };
    // Every value fits, so that only a key that is there twice is a fault of the data.
    if !error.inner().is_data() {
        return Ok(());
    }
    let (line, column) = (error.inner().line(), error.inner().column());
    let told = error.inner().to_string();
    let key = told.rsplit_once(END).map_or(told.as_str(), |(key, _)| key);
    let path = match error.path().to_string() {
        object if object == "." => key.to_owned(),
        object => format!("{object}.{key}"),
    };
    let message = format!("`{path}` is there twice, again at line {line} column {column}");
    Err(invalid(message, "send each key of an object once")
        .with_detail("line", line)
        .with_detail("column", column)
        .with_detail("path", path))
}

/// Any value, of whose objects each has its keys once.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                let shown = key.chars().take(SHOWN).chain([END]);
                return Err(A::Error::custom(shown.collect::<String>()));
            }
            keys.insert(key);
            entries.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<(String, u64, u64)> {
        let error = expect_unique_keys(text).err()?;
        let number = |name: &str| error.details()[name].as_u64().unwrap();
        Some((error.details()["path"].as_str().unwrap().to_owned(), number("line"), number("column")))
    }

    #[test]
    fn a_key_that_is_there_twice_is_told_with_its_path_and_place() {
        for (text, path, line, column) in [
            (r#"{"a": 1, "a": 1}"#, "a", 1, 12),
            (r#"{"a": 1, "\u0061": 2}"#, "a", 1, 17),
            ("{\"a\": {\"b\": [0, {\"c\": null,\n \"c\": true}]}}", "a.b[1].c", 2, 4),
            (r#"{"": 1, "": 2}"#, "", 1, 10),
            // A key may look like the place that follows it.
            (r#"{"x at line 1 column 2": 1, "x at line 1 column 2": 2}"#, "x at line 1 column 2", 1, 50),
        ] {
            assert_eq!(refused(text), Some((path.to_owned(), line, column)), "{text}");
        }
        let long = "k".repeat(1000);
        let (path, ..) = refused(&format!("{{\"{long}\": 1, \"{long}\": 1}}")).unwrap();
        assert_eq!(path.len(), SHOWN);
    }

    #[test]
    fn the_same_key_in_two_objects_is_no_fault_nor_is_what_is_no_json() {
        for text in
            [r#"{"a": {"a": [{"a": 1}, {"a": 2}]}, "b": -1.5e3}"#, "", "{", "[1, 2", r#"{"a": 1 "a": 2}"#, "1e999"]
        {
            assert_eq!(refused(text), None, "{text}");
        }
        assert_eq!(refused(&"[".repeat(100_000)), None);
    }
}
