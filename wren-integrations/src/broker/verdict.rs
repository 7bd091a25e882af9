//! What a provider's answer says of the credential.

use reqwest::StatusCode;
use reqwest::header::WWW_AUTHENTICATE;
use serde_json::Value;

use super::transport::Incoming;
use crate::catalogue::IntegrationSpec;

/// What a provider's answer says of the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: whatever it is, it is the script's.
    Taken,
    /// It is not good any more.
    Refused,
    /// It does not allow this request; the scope that would, where the provider names one.
    ScopeMissing(Option<String>),
}

/// Judges an answer. Anything that is not clear is the script's: most of what is forbidden is so for other reasons than scopes.
pub(super) fn judge(spec: &IntegrationSpec, answer: &Incoming) -> Verdict {
    match answer.status {
        StatusCode::UNAUTHORIZED => Verdict::Refused,
        StatusCode::FORBIDDEN => forbidden(answer),
        status if status.is_success() => match &spec.ok_field {
            Some(field) => not_ok(field, answer),
            None => Verdict::Taken,
        },
        _ => Verdict::Taken,
    }
}

/// RFC 6750, section 3.1, says it in a header; Google in the body.
fn forbidden(answer: &Incoming) -> Verdict {
    for challenge in answer.headers.get_all(WWW_AUTHENTICATE) {
        let challenge = String::from_utf8_lossy(challenge.as_bytes());
        if parameter(&challenge, "error") == Some("insufficient_scope") {
            return Verdict::ScopeMissing(parameter(&challenge, "scope").map(str::to_owned));
        }
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let of = |list: &str, reason: &str| {
        body["error"][list].as_array().is_some_and(|entries| entries.iter().any(|entry| entry["reason"] == reason))
    };
    if of("details", "ACCESS_TOKEN_SCOPE_INSUFFICIENT") || of("errors", "insufficientPermissions") {
        return Verdict::ScopeMissing(None);
    }
    Verdict::Taken
}

/// Finds `name=value` or `name="value"` in a challenge.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    challenge.match_indices(name).find_map(|(at, _)| {
        let begins = challenge[..at].chars().next_back().is_none_or(|before| matches!(before, ' ' | ','));
        let value = challenge[at + name.len()..].strip_prefix('=').filter(|_| begins)?;
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([',', ' ']).next(),
        }
    })
}

/// A refusal with status 200, as Slack has it.
fn not_ok(field: &str, answer: &Incoming) -> Verdict {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if body[field] != false {
        return Verdict::Taken;
    }
    match body["error"].as_str().unwrap_or_default() {
        "missing_scope" => Verdict::ScopeMissing(body["needed"].as_str().map(str::to_owned)),
        "account_inactive" | "invalid_auth" | "not_authed" | "token_expired" | "token_revoked" => Verdict::Refused,
        _ => Verdict::Taken,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::broker::budget::Share;
    use crate::catalogue::Catalogue;

    fn verdict(integration: &str, status: u16, challenge: Option<&'static str>, body: &str) -> Verdict {
        let catalogue = Catalogue::built_in().unwrap();
        let mut headers = HeaderMap::new();
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        let answer = Incoming {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.into(),
            share: Share::default(),
        };
        judge(catalogue.find(integration).unwrap(), &answer)
    }

    #[test]
    fn a_provider_says_what_is_wrong_with_a_credential() {
        let missing = |scope: &str| Verdict::ScopeMissing(Some(scope.to_owned()));
        assert_eq!(verdict("gmail", 401, None, ""), Verdict::Refused);
        let challenge = r#"Bearer realm="x", error="insufficient_scope", scope="mail.send mail.read""#;
        assert_eq!(verdict("gmail", 403, Some(challenge), ""), missing("mail.send mail.read"));
        assert_eq!(verdict("gmail", 403, Some("Bearer error=insufficient_scope"), ""), Verdict::ScopeMissing(None));
        let google = r#"{"error": {"code": 403, "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
        assert_eq!(verdict("gmail", 403, None, google), Verdict::ScopeMissing(None));
        let slack = r#"{"ok": false, "error": "missing_scope", "needed": "chat:write"}"#;
        assert_eq!(verdict("slack", 200, None, slack), missing("chat:write"));
        assert_eq!(verdict("slack", 200, None, r#"{"ok": false, "error": "token_revoked"}"#), Verdict::Refused);
    }

    #[test]
    fn everything_else_is_the_scripts() {
        for (status, challenge, body) in [
            (200, None, r#"{"ok": true}"#),
            (200, None, r#"{"ok": false, "error": "channel_not_found"}"#),
            (200, None, "not JSON"),
            (403, None, ""),
            (403, Some("Bearer x_error=\"insufficient_scope\""), ""),
            (403, Some("Bearer error_description=\"insufficient_scope\""), ""),
            (403, None, r#"{"error": {"details": [{"reason": "RATE_LIMIT_EXCEEDED"}]}}"#),
            (500, None, ""),
        ] {
            assert_eq!(verdict("slack", status, challenge, body), Verdict::Taken, "{status} {body}");
        }
        assert_eq!(verdict("gmail", 200, None, r#"{"ok": false, "error": "invalid_auth"}"#), Verdict::Taken);
    }
}
