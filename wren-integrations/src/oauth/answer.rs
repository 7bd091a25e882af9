//! What a token URL answers (RFC 6749, sections 5.1 and 5.2), and where services differ from it.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value};
use wren_core::vault::NewCredential;

use crate::catalogue::OauthSpec;

/// The longest name of an error that is passed on.
const REASON: usize = 64;

/// What a token URL granted.
pub(super) struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// In seconds.
    expires_in: Option<i64>,
    scopes: Vec<String>,
}

/// An answer that was understood.
pub(super) enum Answer {
    Granted(Tokens),
    /// With the name of the error.
    Refused(String),
}

impl Answer {
    /// Reads the body of an answer with a status of success; `None` when it is neither grant nor refusal.
    pub(super) fn read(spec: &OauthSpec, body: &[u8]) -> Option<Self> {
        let mut answer = object(body)?;
        let is_refused = spec.ok_field.as_ref().is_some_and(|field| answer.get(field) == Some(&Value::Bool(false)));
        if is_refused {
            return Some(Self::Refused(error_of(&answer).unwrap_or_else(|| reason(""))));
        }
        if let Some(tokens) = Tokens::take(&mut answer, &spec.scope_separator) {
            return Some(Self::Granted(tokens));
        }
        if let Some(Value::Object(nested)) = spec.nested_token.as_ref().and_then(|field| answer.get_mut(field))
            && let Some(tokens) = Tokens::take(nested, &spec.scope_separator)
        {
            return Some(Self::Granted(tokens));
        }
        // Some services refuse in the standard's words and with status 200.
        error_of(&answer).map(Self::Refused)
    }

    /// Reads the body of an answer with a status that refuses; `None` when it does not say why, as the standard demands.
    pub(super) fn refusal(body: &[u8]) -> Option<String> {
        error_of(&object(body)?)
    }
}

impl Tokens {
    /// Takes the tokens out of an object; `None` when it has no access token.
    fn take(object: &mut Map<String, Value>, separator: &str) -> Option<Self> {
        Some(Self {
            access_token: text(object, "access_token")?.into(),
            refresh_token: text(object, "refresh_token").map(SecretString::from),
            expires_in: object.get("expires_in").and_then(seconds),
            scopes: text(object, "scope").map(|scopes| split(&scopes, separator)).unwrap_or_default(),
        })
    }

    /// Makes a credential of it. The end is counted from before the provider was asked, so it is never too late.
    pub(super) fn into_credential(self, integration: &str, now: DateTime<Utc>) -> NewCredential {
        let mut credential = NewCredential::new(integration, self.access_token).with_scopes(self.scopes);
        credential.refresh_token = self.refresh_token;
        // What is too far away for a date has no end.
        credential.expires_at =
            self.expires_in.and_then(TimeDelta::try_seconds).and_then(|delta| now.checked_add_signed(delta));
        credential
    }
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

/// Moves a text out, so that no copy of it stays behind; an empty one counts as none.
fn text(object: &mut Map<String, Value>, field: &str) -> Option<String> {
    match object.remove(field) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A number as the standard has it, or one in quotes as some services send it.
fn seconds(value: &Value) -> Option<i64> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (seconds >= 0).then_some(seconds)
}

/// Some services ask for spaces and answer with commas.
fn split(scopes: &str, separator: &str) -> Vec<String> {
    let separator = if separator.is_empty() { " " } else { separator };
    let parts = scopes.split(separator).flat_map(|part| part.split(','));
    parts.map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

fn error_of(object: &Map<String, Value>) -> Option<String> {
    object.get("error").and_then(Value::as_str).map(reason)
}

/// Returns the name of a provider's error if it looks like one. Anything else could hold what it was sent.
pub(super) fn reason(error: &str) -> String {
    let is_name =
        (1..=REASON).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { error } else { "unknown" }.to_owned()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::catalogue::Catalogue;

    fn read(name: &str, body: &str) -> Option<Result<NewCredential, String>> {
        let catalogue = Catalogue::built_in().unwrap();
        let spec = catalogue.find(name).unwrap().oauth.as_ref().unwrap();
        Answer::read(spec, body.as_bytes()).map(|answer| match answer {
            Answer::Granted(tokens) => Ok(tokens.into_credential(name, DateTime::UNIX_EPOCH)),
            Answer::Refused(reason) => Err(reason),
        })
    }

    #[test]
    fn scopes_are_split_at_the_separator_and_at_commas() {
        assert_eq!(split("a b,c", " "), ["a", "b", "c"]);
        assert_eq!(split("a, b,,c", ","), ["a", "b", "c"]);
        assert_eq!(split("a b", ""), ["a", "b"]);
    }

    #[test]
    fn an_end_is_a_number_of_seconds_with_or_without_quotes() {
        let end = |value: &str| {
            let body = format!(r#"{{"access_token":"t","expires_in":{value}}}"#);
            read("gmail", &body).unwrap().unwrap().expires_at.map(|at| at.timestamp())
        };
        assert_eq!(end("3599"), Some(3599));
        assert_eq!(end(r#""3599""#), Some(3599));
        for value in ["-1", "null", "1.5", "[]", r#""soon""#, "9223372036854775807", "9000000000000000"] {
            assert_eq!(end(value), None, "{value}");
        }
    }

    #[test]
    fn the_token_of_the_answer_goes_before_the_nested_one() {
        let nested = r#"{"ok":true,"access_token":"bot","authed_user":{"access_token":"user"}}"#;
        assert_eq!(read("slack", nested).unwrap().unwrap().secret.expose_secret(), "bot");
        let other = r#"{"access_token":"","authed_user":{"access_token":"user"}}"#;
        assert_eq!(read("slack", other).unwrap().unwrap().secret.expose_secret(), "user");
        assert!(read("gmail", other).is_none(), "only where the catalogue says so");
    }

    #[test]
    fn what_is_neither_grant_nor_refusal_is_not_understood() {
        for body in ["", "[]", "null", "<html>", "{}", r#"{"access_token":7}"#, r#"{"error":{"code":400}}"#] {
            assert!(read("gmail", body).is_none(), "{body}");
        }
        assert_eq!(read("gmail", r#"{"error":"bad_code"}"#).unwrap().unwrap_err(), "bad_code");
        assert_eq!(read("slack", r#"{"ok":false,"access_token":"t"}"#).unwrap().unwrap_err(), "unknown");
    }

    #[test]
    fn only_what_looks_like_the_name_of_an_error_is_passed_on() {
        assert_eq!(reason("invalid_grant"), "invalid_grant");
        for text in ["", "ya29.token", "Denied", "a b", "<b>", &"x".repeat(65), "4/0Ab"] {
            assert_eq!(reason(text), "unknown", "{text}");
        }
    }
}
