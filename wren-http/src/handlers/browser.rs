//! What browsers say of themselves: where a form comes from, and which browser it is that comes back.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST, HeaderName, ORIGIN};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Says in a browser's own words where a request comes from (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The cookie that holds the state; one for each integration, so that two can be connected side by side. Over TLS its prefix
/// keeps others, a neighbour's sub-domain say, from setting it in this server's name.
pub(super) fn cookie_name(integration: &str, secure: bool) -> String {
    format!("{}wren_oauth_{integration}", if secure { "__Host-" } else { "" })
}

/// To this server alone, along with a link that a user follows and not with what other pages load.
pub(super) const fn attributes(secure: bool) -> &'static str {
    if secure { "; HttpOnly; SameSite=Lax; Secure" } else { "; HttpOnly; SameSite=Lax" }
}

/// Says whether the browser has the state in its cookie. Both are of 256 random bits and work once, so how long the
/// comparison takes tells nothing of use.
pub(super) fn has_cookie(headers: &HeaderMap, wanted: &str, state: &SecretString) -> bool {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .any(|(name, value)| name == wanted && !value.is_empty() && value == state.expose_secret())
}

/// Says whether a form was sent by a page of another site. A browser says so in either header; what is no browser says
/// nothing, and has no user to be misused.
pub(super) fn comes_from_elsewhere(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text(SEC_FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(ORIGIN) else { return false };
    let Ok(origin) = Url::parse(origin) else { return true };
    let is_public = Url::parse(public_url).is_ok_and(|own| own.origin() == origin.origin());
    let host = text(HOST).unwrap_or_default();
    let is_host = Url::parse(&format!("{}://{host}", origin.scheme())).is_ok_and(|own| own.origin() == origin.origin());
    !(is_public || is_host)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn a_form_of_another_site_is_told_from_ones_own() {
        let elsewhere = |pairs: &[_]| comes_from_elsewhere(&headers(pairs), "https://wrens.ie/app");
        assert!(!elsewhere(&[]));
        assert!(!elsewhere(&[("origin", "https://wrens.ie")]));
        assert!(!elsewhere(&[("origin", "http://127.0.0.1:7878"), ("host", "127.0.0.1:7878")]));
        assert!(!elsewhere(&[("origin", "https://wrens.ie"), ("sec-fetch-site", "same-origin")]));
        for pairs in [
            [("origin", "https://evil.example"), ("host", "wrens.ie")],
            [("origin", "null"), ("host", "wrens.ie")],
            [("origin", "http://wrens.ie"), ("host", "wrens.ie:443")],
            [("origin", "https://wrens.ie"), ("sec-fetch-site", "cross-site")],
            [("host", "wrens.ie"), ("sec-fetch-site", "same-site")],
        ] {
            assert!(elsewhere(&pairs), "{pairs:?}");
        }
    }

    #[test]
    fn a_browser_is_known_by_its_cookie() {
        let known = |cookie: &'static str| {
            has_cookie(&headers(&[("cookie", cookie)]), "wren_oauth_crm", &"abc".to_owned().into())
        };
        for cookie in ["wren_oauth_crm=abc", "a=b; wren_oauth_crm=abc", "wren_oauth_crm=x;wren_oauth_crm=abc"] {
            assert!(known(cookie), "{cookie}");
        }
        for cookie in ["wren_oauth_crm=ab", "wren_oauth_crm=", "xwren_oauth_crm=abc", "wren_oauth_gmail=abc", "abc"] {
            assert!(!known(cookie), "{cookie}");
        }
    }
}
