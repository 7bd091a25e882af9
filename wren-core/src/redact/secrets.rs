//! The secrets of one run.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::{Redactor, SHORTEST};
use crate::error::{Result, WireError};

/// What stands for a text that cannot be searched.
const WITHHELD: &str = "[withheld: it could not be searched for secrets]";

/// The secrets that were taken out for one run, of which nothing may stand in what the run leaves behind. Clones share them.
#[derive(Clone, Default)]
pub struct RunSecrets(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// With their names.
    secrets: Vec<(String, SecretString)>,
    /// Made when it is first needed after a secret was added.
    redactor: Option<Result<Redactor>>,
}

impl fmt::Debug for RunSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunSecrets").field("known", &self.0.lock().secrets.len()).finish_non_exhaustive()
    }
}

impl PartialEq for RunSecrets {
    /// All are equal: what a run was given does not make it another one.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl RunSecrets {
    /// Adds a secret, under the name that is to stand in its place.
    pub fn add(&self, name: &str, secret: &SecretString) {
        // What pasting leaves around a secret does not go with it everywhere.
        let secret = secret.expose_secret().trim();
        let mut known = self.0.lock();
        let is_known = known.secrets.iter().any(|(_, other)| other.expose_secret() == secret);
        if !is_known {
            known.secrets.push((name.to_owned(), secret.into()));
            known.redactor = None;
        }
    }

    /// Says whether no secret was taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.lock().secrets.is_empty()
    }

    /// Takes the secrets out of a text.
    pub fn redact_text(&self, text: &mut String) {
        if let Some(search) = self.search() {
            search.text(text);
        }
    }

    /// Takes the secrets out of several texts, in one search.
    pub fn redact_texts<'a>(&self, texts: impl IntoIterator<Item = &'a mut String>) {
        if let Some(search) = self.search() {
            texts.into_iter().for_each(|text| search.text(text));
        }
    }

    /// Takes the secrets out of every text in a value, names of fields included.
    pub fn redact_json(&self, value: &mut Value) {
        if let Some(search) = self.search() {
            search.json(value);
        }
    }

    /// Takes the secrets out of an error.
    pub fn redact_error(&self, error: &mut WireError) {
        let Some(search) = self.search() else { return };
        search.text(&mut error.message);
        let location = error.location.as_mut().and_then(|location| location.snippet.as_mut());
        let texts = [error.hint.as_mut(), error.traceback.as_mut(), error.action_url.as_mut(), error.docs_url.as_mut()];
        texts.into_iter().chain([location]).flatten().for_each(|text| search.text(text));
        search.fields(&mut error.details);
    }

    /// Returns what searches; `None` when there is nothing to search for.
    fn search(&self) -> Option<Search> {
        let mut known = self.0.lock();
        if known.secrets.is_empty() {
            return None;
        }
        let Known { secrets, redactor } = &mut *known;
        let made = redactor.get_or_insert_with(|| {
            Redactor::new(secrets.iter().map(|(name, secret)| (name.as_str(), secret))).inspect_err(|error| {
                tracing::error!(error = error.chain(), "what a run left behind is withheld");
            })
        });
        Some(Search(made.as_ref().ok().cloned()))
    }
}

/// A search, made once for all that is searched at a time. Without a redactor, since none could be made, everything is withheld.
struct Search(Option<Redactor>);

impl Search {
    fn text(&self, text: &mut String) {
        let Some(redactor) = &self.0 else { return WITHHELD.clone_into(text) };
        if text.len() >= SHORTEST {
            *text = redactor.redact_text(text);
        }
    }

    fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.json(value)),
            Value::Object(fields) => self.fields(fields),
            // A secret of digits alone may stand as a number.
            Value::Number(number) => {
                let written = number.to_string();
                let mut seen = written.clone();
                self.text(&mut seen);
                if seen != written {
                    *value = Value::String(seen);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn fields(&self, fields: &mut Map<String, Value>) {
        let before = std::mem::take(fields);
        fields.extend(before.into_iter().map(|(mut name, mut value)| {
            self.text(&mut name);
            self.json(&mut value);
            (name, value)
        }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::{Error, ErrorCode};

    fn secrets() -> RunSecrets {
        let secrets = RunSecrets::default();
        secrets.add("slack", &"xoxb-canary".into());
        secrets.add("pin", &"12345678".into());
        secrets
    }

    #[test]
    fn every_text_of_a_result_is_searched() {
        let mut value = json!({"a": ["xoxb-canary", 12_345_678, 7, null], "xoxb-canary": {"b": "eG94Yi1jYW5hcnk="}});
        secrets().redact_json(&mut value);
        let expected = json!({
            "a": ["[redacted slack]", "[redacted pin]", 7, null],
            "[redacted slack]": {"b": "[redacted slack]"},
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn every_text_of_an_error_is_searched() {
        let error = Error::new(ErrorCode::ScriptException, "xoxb-canary")
            .with_hint("try xoxb-canary")
            .with_action_url("https://host/?xoxb-canary")
            .with_docs_url("https://docs/?xoxb-canary")
            .with_detail("token", "xoxb-canary");
        let mut wire = WireError::from(&error);
        wire.traceback = Some("Traceback: xoxb-canary".to_owned());
        secrets().redact_error(&mut wire);
        let told = serde_json::to_string(&wire).unwrap();
        assert!(!told.contains("canary") && told.contains("[redacted slack]"), "{told}");
    }

    #[test]
    fn a_secret_that_comes_later_is_searched_for_from_then_on() {
        let secrets = RunSecrets::default();
        let mut text = "first second".to_owned();
        secrets.redact_text(&mut text);
        assert!(secrets.is_empty());
        secrets.add("a", &"second".into());
        secrets.redact_text(&mut text);
        assert_eq!(text, "first [redacted a]");
        secrets.clone().add("b", &"firsts".into());
        let mut text = "firsts".to_owned();
        secrets.redact_text(&mut text);
        assert_eq!(text, "[redacted b]", "clones share them");
        assert!(!format!("{secrets:?}").contains("second"));
    }

    #[test]
    fn a_key_of_several_lines_is_found_line_by_line() {
        let secrets = RunSecrets::default();
        secrets.add("key", &"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END KEY-----".into());
        let mut line = "line: MIIEvQIBADANBgkqhkiG9w0B!".to_owned();
        secrets.redact_text(&mut line);
        assert_eq!(line, "line: [redacted key]!");
    }
}
