//! How a user connects an integration: the API's link, the page, the way to a provider and back.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use url::Url;
use wren_core::ErrorCode;
use wren_core::vault::{AccessPurpose, SECRET_FIELD};
use wren_http::{Api, router};
use wren_integrations::{Catalogue, Connections, OauthClient, OauthOptions, OauthProviders};

use crate::support::{Answer, NOW, World, ada, at, bob, logged, request_as};

/// What no answer and no log may hold.
const TOKEN: &str = "ya29.canary-token";
const FORM: &str = "application/x-www-form-urlencoded";

/// A world in which Gmail is connected at a provider of this machine, and OpenAI by a key.
struct Connected {
    world: World,
    /// The bodies that the provider's token URL was sent.
    trades: Arc<Mutex<Vec<String>>>,
}

impl Connected {
    async fn new() -> Self {
        let mut world = World::new().await;
        let trades = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&trades);
        let token_url = post(move |body: String| async move {
            seen.lock().push(body);
            axum::Json(json!({"access_token": TOKEN, "refresh_token": "1//canary", "expires_in": 3599, "scope": "a b"}))
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/token", token_url)).await });

        let client = OauthClient::new("client", "canary-secret")
            .with_authorize_url(Url::parse(&format!("{provider}/authorize")).unwrap())
            .with_token_url(Url::parse(&format!("{provider}/token")).unwrap());
        let options = OauthOptions::new("https://wrens.ie", "https://docs.wrens.ie").with_client("gmail", client);
        let catalogue = Catalogue::built_in().unwrap();
        let directory = catalogue.directory("https://wrens.ie", "https://docs.wrens.ie");
        let providers = OauthProviders::new(&catalogue, options).unwrap();
        let (vault, store) = (Arc::clone(world.engine.vault()), Arc::clone(world.engine.store()));
        let connections = Connections::new(catalogue, directory, providers, vault, store);
        let api = Api::new(world.engine.clone()).with_public_url("https://wrens.ie").with_connections(connections);
        world.router = router(api);
        Self { world, trades }
    }

    /// Asks for a link, and returns its path and ticket.
    async fn link(&self, integration: &str) -> (String, String) {
        let answer = self.world.poke(&format!("/v1/integrations/{integration}/connect")).await.json(200);
        assert_eq!(answer["expires_at"], "2024-12-08T10:40:00Z");
        let url = Url::parse(answer["url"].as_str().unwrap()).unwrap();
        assert_eq!(url.origin().ascii_serialization(), "https://wrens.ie");
        let ticket = url.query_pairs().next().unwrap().1.into_owned();
        (url.path().to_owned(), ticket)
    }

    async fn browse(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header(header::ACCEPT, "text/html").header(header::COOKIE, cookie);
        self.world.send(request.body(Body::empty()).unwrap()).await
    }

    async fn submit(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, FORM);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.world.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Goes off to the provider; returns the cookie and the state.
    async fn depart(&self, integration: &str) -> (String, String) {
        let (path, ticket) = self.link(integration).await;
        let away = self.submit(&path, &[], &[("ticket", &ticket)]).await;
        assert_eq!(away.status, 303, "{}", away.text);
        let cookie = away.header("set-cookie").unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Secure"),
            "{cookie}"
        );
        let page = Url::parse(away.header("location").unwrap()).unwrap();
        let state = page.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        (cookie.split(';').next().unwrap().to_owned(), state)
    }

    async fn status(&self, integration: &str) -> Value {
        self.world.get(&format!("/v1/integrations/{integration}")).await.json(200)["status"].clone()
    }
}

#[tokio::test]
async fn a_link_leads_over_a_page_to_the_provider_and_back() {
    let connected = Connected::new().await;
    assert_eq!(connected.status("gmail").await, "not_connected");
    let (path, ticket) = connected.link("gmail").await;
    assert_eq!(path, "/integrations/gmail/setup");

    // Whoever previews the link spends nothing.
    for _ in 0..2 {
        let page = connected.browse(&format!("{path}?ticket={ticket}"), "").await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(page.text.contains("Connect Gmail") && page.text.contains("ada@example.com"), "{}", page.text);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self' http://127.0.0.1:"));
    }
    let (cookie, state) = connected.depart("gmail").await;
    let back =
        connected.browse(&format!("/integrations/gmail/callback?code=c0de&scope=x&state={state}"), &cookie).await;
    assert_eq!(back.status, 200, "{}", back.text);
    assert!(back.text.contains("Gmail is connected"), "{}", back.text);
    assert!(connected.trades.lock()[0].contains("code=c0de"));

    let shown = connected.world.get("/v1/integrations/gmail").await.json(200);
    let expected = json!({
        "name": "gmail", "title": "Gmail", "status": "connected", "scopes": ["a", "b"],
        "expires_at": "2024-12-08T11:29:59Z", "renewable": false, "version": 1,
    });
    assert_eq!(shown, expected);
    let secret = connected.world.engine.vault();
    let purpose = AccessPurpose::new("test");
    let secret = secret.access_field(&ada(), "gmail", SECRET_FIELD, purpose, at(NOW)).await.unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&secret), TOKEN);
    let log = logged();
    assert!(log.contains("integration connected") && log.contains("wren::audit"), "{log}");
    for hidden in ["canary", "c0de", state.as_str(), ticket.as_str()] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
}

#[tokio::test]
async fn a_key_is_entered_on_the_page() {
    let connected = Connected::new().await;
    let (path, ticket) = connected.link("openai").await;
    let page = connected.browse(&format!("{path}?ticket={ticket}"), "").await;
    assert!(page.text.contains("name=\"secret\""), "{}", page.text);

    let missing = connected.submit(&path, &[], &[("ticket", &ticket), ("secret", "")]).await;
    missing.error(400, ErrorCode::InvalidRequest);
    let wrong = connected.submit(&path, &[], &[("ticket", &ticket), ("secret", "two words")]).await;
    wrong.error(400, ErrorCode::InvalidRequest);
    // Neither has spent the link.
    let entered = connected.submit(&path, &[], &[("ticket", &ticket), ("secret", " sk-canary\n")]).await;
    assert_eq!(entered.status, 200, "{}", entered.text);
    assert_eq!(connected.status("openai").await, "connected");
    connected
        .submit(&path, &[], &[("ticket", &ticket), ("secret", "sk-other")])
        .await
        .error(400, ErrorCode::InvalidRequest);

    let list = connected.world.get("/v1/integrations").await.json(200);
    let connected_ones = list["integrations"].as_array().unwrap().iter().filter(|one| one["status"] == "connected");
    assert_eq!(connected_ones.map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(), ["openai"]);
    assert!(!list.to_string().contains("canary") && !logged().contains("canary"));

    let gone = connected.world.delete("/v1/integrations/openai").await.json(200);
    assert_eq!(gone["status"], "not_connected");
    connected.world.delete("/v1/integrations/openai").await.json(200);
}

#[tokio::test]
async fn an_errors_link_works_with_an_api_key_typed_in() {
    let connected = Connected::new().await;
    for page in ["setup", "reauthorize"] {
        let path = format!("/integrations/gmail/{page}");
        let shown = connected.browse(&path, "").await;
        assert!(shown.text.contains("name=\"api_key\""), "{}", shown.text);
        let key = connected.world.key.clone();
        let away = connected.submit(&path, &[("origin", "https://wrens.ie")], &[("api_key", &key)]).await;
        assert_eq!(away.status, 303, "{}", away.text);
    }
    let reader = connected.world.key_of(&ada(), &["read", "deploy", "run"]).await;
    let refused = connected.submit("/integrations/gmail/setup", &[], &[("api_key", &reader)]).await;
    refused.error(403, ErrorCode::PermissionDenied);
    let none = connected.submit("/integrations/gmail/setup", &[], &[("api_key", "wren_x")]).await;
    none.error(401, ErrorCode::InvalidApiKey);
    connected.submit("/integrations/gmail/setup", &[], &[]).await.error(400, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_state_opens_nothing_but_in_the_browser_that_left_with_it() {
    let connected = Connected::new().await;
    let (cookie, state) = connected.depart("gmail").await;
    let (other_cookie, other_state) = connected.depart("gmail").await;
    let callback = |state: &str| format!("/integrations/gmail/callback?code=c&state={state}");
    // As a neighbouring sub-domain can set it.
    let planted = format!("wren_oauth_gmail={state}");
    for (state, cookie) in [
        (state.as_str(), ""),
        (state.as_str(), other_cookie.as_str()),
        (other_state.as_str(), cookie.as_str()),
        (state.as_str(), "__Host-wren_oauth_slack=x"),
        (state.as_str(), planted.as_str()),
        ("forged", cookie.as_str()),
    ] {
        let request = Request::get(callback(state)).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        connected.world.send(request).await.error(403, ErrorCode::PermissionDenied);
    }
    let forged = Request::get(callback("forged")).header(header::COOKIE, "__Host-wren_oauth_gmail=forged");
    connected.world.send(forged.body(Body::empty()).unwrap()).await.error(400, ErrorCode::InvalidRequest);
    assert!(connected.trades.lock().is_empty(), "no code was traded");
    assert!(logged().contains("connecting an integration refused"));

    // None of it has spent the state, and once it is used it is.
    assert_eq!(connected.browse(&callback(&state), &cookie).await.status, 200);
    assert_eq!(connected.browse(&callback(&state), &cookie).await.status, 400);
    assert_eq!(connected.trades.lock().len(), 1);
}

#[tokio::test]
async fn a_link_is_of_one_integration_and_ends() {
    let connected = Connected::new().await;
    let (_, ticket) = connected.link("openai").await;
    for ticket in [ticket.as_str(), "forged", &"x".repeat(5000)] {
        let page = connected.world.get(&format!("/integrations/gmail/setup?ticket={ticket}")).await;
        page.error(400, ErrorCode::InvalidRequest);
        let sent = connected.submit("/integrations/gmail/setup", &[], &[("ticket", ticket)]).await;
        sent.error(400, ErrorCode::InvalidRequest);
    }
    let (path, ticket) = connected.link("gmail").await;
    connected.world.clock.advance(chrono::TimeDelta::minutes(10));
    connected.submit(&path, &[], &[("ticket", &ticket)]).await.error(400, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let connected = Connected::new().await;
    let (path, ticket) = connected.link("gmail").await;
    for headers in [[("origin", "https://evil.example")], [("origin", "null")], [("sec-fetch-site", "cross-site")]] {
        connected.submit(&path, &headers, &[("ticket", &ticket)]).await.error(403, ErrorCode::PermissionDenied);
    }
    assert_eq!(connected.submit(&path, &[("origin", "https://wrens.ie")], &[("ticket", &ticket)]).await.status, 303);
}

#[tokio::test]
async fn a_form_that_is_none_is_refused() {
    let connected = Connected::new().await;
    let path = "/integrations/gmail/setup";
    for form in [&[("ticket", "a"), ("ticket", "b")][..], &[("tikcet", "a")]] {
        connected.submit(path, &[], form).await.error(400, ErrorCode::InvalidRequest);
    }
    let json = Request::post(path).header(header::CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap();
    connected.world.send(json).await.error(400, ErrorCode::InvalidRequest);
    let large = Request::post(path).header(header::CONTENT_TYPE, FORM).body(Body::from("x".repeat(300_000))).unwrap();
    connected.world.send(large).await.error(413, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_user_who_refuses_is_told_how_to_begin_again() {
    let connected = Connected::new().await;
    let (cookie, state) = connected.depart("gmail").await;
    let back =
        connected.browse(&format!("/integrations/gmail/callback?error=access_denied&state={state}"), &cookie).await;
    assert_eq!(back.status.as_u16(), ErrorCode::IntegrationNotConfigured.status());
    assert!(back.text.contains("begin again") || back.text.contains("Begin again"), "{}", back.text);
    assert!(back.text.contains("/integrations/gmail/setup") && back.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(connected.status("gmail").await, "not_connected");
}

#[tokio::test]
async fn what_cannot_be_connected_says_why() {
    let connected = Connected::new().await;
    let world = &connected.world;
    world.poke("/v1/integrations/gmial/connect").await.error(422, ErrorCode::UnknownIntegration);
    // Slack needs an OAuth client, and this server has none.
    let error = world.poke("/v1/integrations/slack/connect").await;
    let error = error.error(ErrorCode::IntegrationNotConfigured.status(), ErrorCode::IntegrationNotConfigured);
    assert!(error["hint"].as_str().unwrap().contains("OAuth client"), "{error}");
    let scopes = world.post("/v1/integrations/gmail/connect", &json!({"scopes": ["a b"]})).await;
    scopes.error(400, ErrorCode::InvalidRequest);
    world.get(&format!("/integrations/{}/setup", "x".repeat(65))).await.error(404, ErrorCode::NotFound);
    world.get("/integrations/nowhere/setup").await.error(422, ErrorCode::UnknownIntegration);

    let bare = World::new().await;
    bare.poke("/v1/integrations/gmail/connect").await.error(404, ErrorCode::NotFound);
    bare.get("/integrations/gmail/setup").await.error(404, ErrorCode::NotFound);
    bare.get("/v1/integrations/gmail").await.json(200);
}

#[tokio::test]
async fn an_owner_sees_and_deletes_nothing_of_anothers() {
    let connected = Connected::new().await;
    let (path, ticket) = connected.link("openai").await;
    assert_eq!(connected.submit(&path, &[], &[("ticket", &ticket), ("secret", "sk-canary")]).await.status, 200);
    let key = connected.world.key_of(&bob(), &["admin"]).await;
    for method in ["GET", "DELETE"] {
        let request = request_as(&key, method, "/v1/integrations/openai").body(Body::empty()).unwrap();
        assert_eq!(connected.world.send(request).await.json(200)["status"], "not_connected");
    }
    assert_eq!(connected.status("openai").await, "connected");
}
