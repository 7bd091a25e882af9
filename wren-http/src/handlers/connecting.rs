//! A user's browser on its way to a provider and back.
//!
//! A browser has no key. A ticket, or a key that is typed in, says whose account it is about; a cookie makes sure that the
//! browser which comes back is the one that left: without it, somebody could have a user give leave for an account that is not
//! theirs, or slip a credential of their own into a user's account (RFC 6819, sections 4.4.1.7 and 4.4.1.8).

use axum::extract::State;
use axum::http::header::{HeaderValue, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::Object;
use wren_core::{Error, OwnerId};
use wren_integrations::{Callback, Departure, Means};

use super::browser::{attributes, comes_from_elsewhere, cookie_name, has_cookie};
use crate::api::Api;
use crate::auth::{self, Scope};
use crate::body::{Form, FormFields};
use crate::deadline::to_the_end;
use crate::error::{ApiResult, invalid};
use crate::extract::Named;
use crate::limit::{FromPeer, Peer};
use crate::openapi::params::query;
use crate::openapi::words;
use crate::pages;
use crate::query::{Params, Query, QueryParams};

/// The longest ticket, state or code that is looked at, in bytes. Providers' codes have a few hundred.
const LONGEST: usize = 4096;

/// What the page's address may carry.
pub(crate) struct Link {
    ticket: Option<SecretString>,
}

impl QueryParams for Link {
    fn describe() -> Vec<Parameter> {
        vec![query("ticket", described_token(), "The ticket of a link that was made for the user.")]
    }

    fn read(params: &mut Params, _: &Api) -> Result<Self, Error> {
        Ok(Self { ticket: params.take("ticket", "a ticket", token)? })
    }
}

/// Shows the page on which a user connects an integration.
///
/// It changes nothing: who previews links opens them, too.
#[utoipa::path(
    get, path = "/integrations/{name}/setup", operation_id = "setup_page", tag = "pages",
    params(Named, Query<Link>),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 409), (status = 422), (status = 503),
    ),
)]
pub(crate) async fn setup_page(
    State(api): State<Api>,
    Named(name): Named,
    Query(link): Query<Link>,
) -> ApiResult<Response> {
    page(&api, &name, &link, false).await
}

/// Shows the page on which a user connects an integration again.
///
/// It changes nothing: who previews links opens them, too.
#[utoipa::path(
    get, path = "/integrations/{name}/reauthorize", operation_id = "reauthorize_page", tag = "pages",
    params(Named, Query<Link>),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 409), (status = 422), (status = 503),
    ),
)]
pub(crate) async fn reauthorize_page(
    State(api): State<Api>,
    Named(name): Named,
    Query(link): Query<Link>,
) -> ApiResult<Response> {
    page(&api, &name, &link, true).await
}

async fn page(api: &Api, name: &str, link: &Link, again: bool) -> ApiResult<Response> {
    let connections = api.connections()?;
    let spec = connections.find(name)?;
    let means = connections.means(name)?;
    let invited = match &link.ticket {
        Some(ticket) => Some(connections.invited(name, ticket, api.engine.clock().now()).await?),
        None => None,
    };
    let leads_to = connections.authorize_origin(name);
    Ok(pages::connect(&pages::Asked {
        title: &spec.title,
        owner: invited.as_ref().map(|invited| invited.owner.as_str()),
        ticket: link.ticket.as_ref().map(|ticket| ticket.expose_secret()),
        wants_key: means == Means::Key,
        leads_to: leads_to.as_deref(),
        again,
    }))
}

/// What the page's form sends: the link's ticket or an API key.
#[derive(ToSchema)]
pub(crate) struct Filled {
    /// The ticket of the link that led to the page.
    #[schema(value_type = Option<String>, nullable = false)]
    ticket: Option<SecretString>,
    /// Without a ticket, an API key with the scope `admin`.
    #[schema(value_type = Option<String>, nullable = false)]
    api_key: Option<SecretString>,
    /// The integration's own key, where it is connected with one.
    #[schema(value_type = Option<String>, nullable = false)]
    secret: Option<SecretString>,
}

impl FormFields for Filled {
    const NAMES: &'static [&'static str] = &["ticket", "api_key", "secret"];

    fn read(mut take: impl FnMut(&str) -> Option<SecretString>) -> Self {
        Self { ticket: take("ticket"), api_key: take("api_key"), secret: take("secret") }
    }
}

/// Takes the page's form: off to the provider, or the key into the vault.
#[utoipa::path(
    post, path = "/integrations/{name}/setup", operation_id = "setup", tag = "pages",
    params(Named),
    request_body(content = Filled, content_type = "application/x-www-form-urlencoded", description = "The form."),
    responses(
        (status = 200, description = "The integration is connected.", body = String, content_type = "text/html"),
        (
            status = 303, description = "Off to the provider, with a cookie that knows the browser when it is back.",
            headers(("Location" = String, description = "The provider's page."), ("Set-Cookie" = String)),
        ),
        (status = 401), (status = 403), (status = 409), (status = 422), (status = 429), (status = 503),
    ),
)]
pub(crate) async fn setup(
    State(api): State<Api>,
    Named(name): Named,
    FromPeer(peer): FromPeer,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> ApiResult<Response> {
    submit(api, name, &headers, filled, peer).await
}

/// Takes the page's form: off to the provider, or the key into the vault.
#[utoipa::path(
    post, path = "/integrations/{name}/reauthorize", operation_id = "reauthorize", tag = "pages",
    params(Named),
    request_body(content = Filled, content_type = "application/x-www-form-urlencoded", description = "The form."),
    responses(
        (status = 200, description = "The integration is connected.", body = String, content_type = "text/html"),
        (
            status = 303, description = "Off to the provider, with a cookie that knows the browser when it is back.",
            headers(("Location" = String, description = "The provider's page."), ("Set-Cookie" = String)),
        ),
        (status = 401), (status = 403), (status = 409), (status = 422), (status = 429), (status = 503),
    ),
)]
pub(crate) async fn reauthorize(
    State(api): State<Api>,
    Named(name): Named,
    FromPeer(peer): FromPeer,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> ApiResult<Response> {
    submit(api, name, &headers, filled, peer).await
}

async fn submit(
    api: Api,
    name: String,
    headers: &HeaderMap,
    filled: Filled,
    peer: Option<Peer>,
) -> ApiResult<Response> {
    let connections = api.connections()?.clone();
    if comes_from_elsewhere(headers, &api.public_url) {
        return Err(connections.foreign_browser(&name).into());
    }
    let now = api.engine.clock().now();
    let ticket = match (filled.ticket, filled.api_key) {
        (Some(ticket), _) => ticket,
        (None, Some(key)) => {
            let caller = auth::caller(&api, &key, Scope::Admin, peer).await?;
            connections.invite(&caller.owner, &name, &[], now).await?.ticket
        }
        (None, None) => return Err(invalid("the form has neither a ticket nor an API key", "fill in the page").into()),
    };
    match connections.means(&name)? {
        Means::Oauth => {
            let integration = name.clone();
            let departing = async move { connections.depart(&integration, &ticket, now).await };
            let (_, departure) = to_the_end(departing).await?;
            Ok(away(&name, &departure, is_secure(&api))?)
        }
        Means::Key => {
            let missing = || invalid("the form has no key of the integration", "enter it, and send the form again");
            let secret = filled.secret.ok_or_else(missing)?;
            let entered = name.clone();
            let owner = to_the_end(async move { connections.enter(&entered, &ticket, secret, now).await }).await?;
            arrived(&api, &name, &owner)
        }
    }
}

/// What a provider sends a user back with. What else it says is not looked at.
pub(crate) struct Return {
    state: Option<SecretString>,
    code: Option<SecretString>,
    error: Option<String>,
}

impl QueryParams for Return {
    fn describe() -> Vec<Parameter> {
        vec![
            query(
                "state",
                described_token(),
                "What this server gave the provider; it belongs to the browser's cookie.",
            ),
            query("code", described_token(), "What the provider gives a token for."),
            query("error", words::string().build(), "Why the provider gives none, `access_denied` say."),
        ]
    }

    fn read(params: &mut Params, _: &Api) -> Result<Self, Error> {
        let state = params.take("state", "a state", token)?;
        let code = params.take("code", "a code", token)?;
        let error = params.take("error", "an error", |text| Some(text.chars().take(64).collect()))?;
        params.ignore_the_rest();
        Ok(Self { state, code, error })
    }
}

/// Takes a user back from the provider.
///
/// The browser must have the cookie that it left with.
#[utoipa::path(
    get, path = "/integrations/{name}/callback", operation_id = "callback", tag = "pages",
    params(Named, Query<Return>),
    responses(
        (status = 200, description = "The integration is connected.", body = String, content_type = "text/html"),
        (status = 403), (status = 409), (status = 422), (status = 503),
    ),
)]
pub(crate) async fn callback(
    State(api): State<Api>,
    Named(name): Named,
    headers: HeaderMap,
    Query(came): Query<Return>,
) -> ApiResult<Response> {
    let connections = api.connections()?.clone();
    connections.find(&name)?;
    let incomplete = || invalid("the address has no state, or neither a code nor an error", "begin again");
    let state = came.state.ok_or_else(incomplete)?;
    if !has_cookie(&headers, &cookie_name(&name, is_secure(&api)), &state) {
        return Err(connections.foreign_browser(&name).into());
    }
    let callback = match (came.code, came.error) {
        (_, Some(error)) => Callback::with_error(&name, state, &error),
        (Some(code), None) => Callback::with_code(&name, state, code),
        (None, None) => return Err(incomplete().into()),
    };
    let now = api.engine.clock().now();
    let owner = to_the_end(async move { connections.arrive(callback, now).await }).await?;
    arrived(&api, &name, &owner)
}

/// Says that it is done, and has the engine look after what waited for it.
fn arrived(api: &Api, name: &str, owner: &OwnerId) -> ApiResult<Response> {
    api.engine.credentials_changed();
    let spec = api.connections()?.find(name)?;
    let mut response = pages::connected(&spec.title, owner.as_str());
    let secure = is_secure(api);
    let spent = format!("{}=; Path=/; Max-Age=0{}", cookie_name(name, secure), attributes(secure));
    if let Ok(spent) = HeaderValue::from_str(&spent) {
        response.headers_mut().append(SET_COOKIE, spent);
    }
    Ok(response)
}

/// Says whether browsers reach this server over TLS.
fn is_secure(api: &Api) -> bool {
    api.public_url.starts_with("https://")
}

/// Sends a browser to the provider, with what it is known by when it comes back.
fn away(integration: &str, departure: &Departure, secure: bool) -> Result<Response, Error> {
    let (name, state) = (cookie_name(integration, secure), departure.state.expose_secret());
    let cookie = format!("{name}={state}; Path=/; Max-Age=600{}", attributes(secure));
    let failed = |error| Error::internal("sending a browser to a provider", error);
    let location = HeaderValue::from_str(departure.page.as_str()).map_err(failed)?;
    let mut cookie = HeaderValue::from_str(&cookie).map_err(failed)?;
    cookie.set_sensitive(true);
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location), (SET_COOKIE, cookie)]).into_response())
}

fn described_token() -> Object {
    words::string().min_length(Some(1)).max_length(Some(LONGEST)).build()
}

fn token(text: &str) -> Option<SecretString> {
    (1..=LONGEST).contains(&text.len()).then(|| text.to_owned().into())
}
