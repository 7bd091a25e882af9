//! In which form a run's lines are wanted.

use axum::http::header::{ACCEPT, HeaderMap};
use serde::Serialize;

/// A form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// A page in JSON.
    Json,
    /// A page of lines.
    Text,
    /// A stream of events that goes on.
    Events,
}

impl Form {
    /// Every form, what is preferred by nobody last.
    pub(crate) const ALL: [Form; 3] = [Self::Json, Self::Text, Self::Events];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Events => "events",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == text)
    }

    /// Returns the form that `Accept` prefers: by its quality, then by which comes first, and JSON where it names none. Only
    /// who names another one by its own name gets it: a `*/*` is no wish for plain text.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut best = (Self::Json, 0.0);
        for range in accepted.flat_map(|all| all.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/plain" => Self::Text,
                "text/event-stream" => Self::Events,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            let quality = quality.unwrap_or(0.0);
            if quality > best.1 {
                best = (form, quality);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_is_for_those_who_prefer_it() {
        for (accept, form) in [
            ("text/plain", Form::Text),
            ("text/plain, */*", Form::Text),
            ("text/plain, application/json;q=0.5", Form::Text),
            ("text/*", Form::Json),
            ("*/*", Form::Json),
            ("application/json, text/plain", Form::Json),
            ("application/json, text/plain;q=0.9", Form::Json),
            ("text/plain;q=0.1, application/json", Form::Json),
            ("text/plain;q=0", Form::Json),
            ("text/plain;q=many", Form::Json),
            ("text/event-stream", Form::Events),
            ("Text/Event-Stream; charset=utf-8", Form::Events),
            ("text/plain;q=0.5, text/event-stream", Form::Events),
            ("text/plain, text/event-stream", Form::Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Form::preferred(&headers), form, "{accept}");
        }
        assert_eq!(Form::preferred(&HeaderMap::new()), Form::Json);
    }
}
