//! The pages that a user sees in a browser: to connect an integration, and what came of it.

use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use wren_core::{CorrelationId, ErrorClass, WireError};

use crate::error::ApiError;

/// Everything but the form and its target is refused: no script, no frame, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}\
    label{display:block;margin:1rem 0 .25rem}input{width:100%;font:inherit;padding:.5rem;box-sizing:border-box}\
    button{font:inherit;padding:.5rem 1.5rem;margin-top:1.5rem}code{font-size:.95em}small{color:#666}";

/// What a user is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The integration's name for people.
    pub(crate) title: &'a str,
    /// Whose account it is about, when the link says.
    pub(crate) owner: Option<&'a str>,
    /// The link's ticket.
    pub(crate) ticket: Option<&'a str>,
    /// Whether a key of the integration is asked for.
    pub(crate) wants_key: bool,
    /// Where the form may lead besides to itself: the origin of the provider.
    pub(crate) leads_to: Option<&'a str>,
    /// Whether the integration is connected again.
    pub(crate) again: bool,
}

/// Returns the page on which an integration is connected.
pub(crate) fn connect(asked: &Asked<'_>) -> Response {
    let heading =
        if asked.again { format!("Connect {} again", asked.title) } else { format!("Connect {}", asked.title) };
    let body = html! {
        form method="post" autocomplete="off" {
            @match (asked.owner, asked.ticket) {
                (Some(owner), Some(ticket)) => {
                    p { "Scripts of the Wren account " strong { (owner) } " will be able to use your " (asked.title) "." }
                    p { "If this is not your account, close this page: somebody has sent you a link of theirs." }
                    input type="hidden" name="ticket" value=(ticket);
                }
                _ => {
                    p { "Scripts of your Wren account will be able to use your " (asked.title) "." }
                    label for="api_key" { "An API key of your Wren account, with the scope " code { "admin" } }
                    input id="api_key" name="api_key" type="password" required placeholder="wren_…";
                }
            }
            @if asked.wants_key {
                label for="secret" { "The API key of " (asked.title) }
                input id="secret" name="secret" type="password" required;
            }
            button type="submit" {
                @if asked.wants_key { "Connect" } @else { "Go on to " (asked.title) }
            }
        }
    };
    page(StatusCode::OK, &heading, &body, asked.leads_to)
}

/// Returns the page that says that an integration is connected.
pub(crate) fn connected(title: &str, owner: &str) -> Response {
    let body = html! {
        p { "Scripts of the account " strong { (owner) } " can use it now. You can close this page." }
        p { "What waited for it goes on by itself." }
    };
    page(StatusCode::OK, &format!("{title} is connected"), &body, None)
}

/// Returns the page that says what went wrong. Of an internal error nobody but the log is told more than the code.
pub(crate) fn failure(failure: &ApiError, correlation: &CorrelationId) -> Response {
    let wire = WireError::from(failure.error.as_ref());
    let heading = match wire.class {
        ErrorClass::InternalError => "That did not work".to_owned(),
        _ => capitalised(&wire.message),
    };
    let body = html! {
        @if let Some(hint) = &wire.hint { p { (capitalised(hint)) "." } }
        @if let Some(url) = &wire.action_url { p { a href=(url) { "Begin again" } } }
        p { small { (wire.code.as_str()) " · " (correlation.as_str()) } }
    };
    page(failure.status, &heading, &body, None)
}

/// Says whether the caller is a browser that shows a page.
pub(crate) fn are_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(axum::http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|kind| kind.trim_start().starts_with("text/html"))
}

fn page(status: StatusCode, heading: &str, body: &Markup, leads_to: Option<&str>) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (heading) " · Wren" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body { h1 { (heading) } (body) }
        }
    };
    let mut response = (status, Html(markup.into_string())).into_response();
    // A form's target counts after redirects, too: the provider's page has to be named.
    let policy = format!("{POLICY}; form-action 'self' {}", leads_to.unwrap_or_default());
    if let Ok(policy) = HeaderValue::from_str(policy.trim_end()) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    // The address holds a ticket or a state. `no-referrer` would have the form say that it comes from nowhere.
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use wren_core::{Error, ErrorCode};

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_a_page_shows_cannot_be_markup() {
        let asked = Asked {
            title: "<b>",
            owner: Some("\"><script>"),
            ticket: Some("\" onload=\"x"),
            wants_key: true,
            leads_to: None,
            again: false,
        };
        let shown = text(connect(&asked)).await;
        assert!(!shown.contains("<script>") && !shown.contains("<b>") && !shown.contains("\" onload"), "{shown}");
        let error = Error::new(ErrorCode::InvalidRequest, "<i>no</i>").with_hint("<u>");
        let shown = text(failure(&error.into(), &CorrelationId::generate())).await;
        assert!(!shown.contains("<i>") && !shown.contains("<u>"), "{shown}");
    }

    #[tokio::test]
    async fn an_internal_error_keeps_its_message() {
        let error = Error::new(ErrorCode::Internal, "the disk /dev/secret");
        let shown = text(failure(&error.into(), &CorrelationId::generate())).await;
        assert!(shown.contains("INTERNAL") && !shown.contains("/dev/secret"), "{shown}");
    }

    #[test]
    fn a_browser_says_that_it_shows_pages() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static(accept));
            are_wanted(&headers)
        };
        assert!(wants("text/html,application/xhtml+xml,*/*;q=0.8") && wants("application/json, text/html;q=0.9"));
        assert!(!wants("*/*") && !wants("application/json") && !are_wanted(&HeaderMap::new()));
    }
}
