//! The provider: it knows the pages that users visited, checks PKCE, and answers in the formats that Google and Slack
//! document, or in whatever way a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::{any, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use crate::{CLIENT_ID, CLIENT_SECRET};

pub(crate) type Form = BTreeMap<String, String>;

/// How the token URL answers.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// As `https://oauth2.googleapis.com/token`: a refresh token stays.
    Google,
    /// As `https://slack.com/api/oauth.v2.access` for an app with token rotation: a refresh token works once.
    Slack,
    /// As the same for an app that asks for a user's token only.
    SlackUser,
    /// With this status and body.
    Answer(StatusCode, String),
    /// With more bytes than any answer has, their number announced or not.
    Endless { announced: bool },
    /// With a redirect to another path of this server.
    Redirect,
    /// Never.
    Silent,
}

impl Manner {
    pub(crate) fn answer(status: u16, body: impl Into<String>) -> Self {
        Self::Answer(StatusCode::from_u16(status).unwrap(), body.into())
    }
}

/// A call of the token URL.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) authorization: Option<String>,
    pub(crate) form: Form,
}

/// What a user who gave leave comes back with.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) state: String,
    pub(crate) code: String,
    /// The parameters of the page.
    pub(crate) page: Form,
}

#[derive(Debug)]
struct Shared {
    manner: Manner,
    /// The parameters of the page that each code was given on.
    codes: BTreeMap<String, Form>,
    refresh_tokens: BTreeSet<String>,
    given: usize,
    calls: Vec<Call>,
    redirected: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Provider {
    address: Url,
    shared: Arc<Mutex<Shared>>,
}

impl Provider {
    pub(crate) async fn start(manner: Manner) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            manner,
            codes: BTreeMap::new(),
            refresh_tokens: BTreeSet::new(),
            given: 0,
            calls: Vec::new(),
            redirected: 0,
        }));
        let router = Router::new()
            .route("/token", post(token))
            .route("/elsewhere", any(elsewhere))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        self.address.join(path).unwrap()
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.shared.lock().manner = manner;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    pub(crate) fn redirected(&self) -> usize {
        self.shared.lock().redirected
    }

    pub(crate) fn revoke_everything(&self) {
        self.shared.lock().refresh_tokens.clear();
    }

    /// A user visits the page and gives leave.
    pub(crate) fn consent(&self, page: &Url) -> Visit {
        assert_eq!((page.origin(), page.path()), (self.address.origin(), "/authorize"));
        let pairs: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        let page: Form = pairs.iter().cloned().collect();
        assert_eq!(page.len(), pairs.len(), "a parameter stands twice: {pairs:?}");
        assert_eq!(page["response_type"], "code");
        assert_eq!(page["client_id"], CLIENT_ID);
        assert_eq!(page["code_challenge_method"], "S256");
        let mut shared = self.shared.lock();
        shared.given += 1;
        let code = format!("4/canary-code-{}", shared.given);
        shared.codes.insert(code.clone(), page.clone());
        Visit { state: page["state"].clone(), code, page }
    }
}

async fn elsewhere(State(shared): State<Arc<Mutex<Shared>>>) -> String {
    shared.lock().redirected += 1;
    json!({ "access_token": "canary-elsewhere" }).to_string()
}

async fn token(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap, body: String) -> Response<Body> {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let form: Form = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let call = Call { authorization, form };
    let answered = |status: StatusCode, body: Body| Response::builder().status(status).body(body).unwrap();
    let manner = {
        let mut shared = shared.lock();
        shared.calls.push(call.clone());
        shared.manner.clone()
    };
    match manner {
        Manner::Google | Manner::Slack | Manner::SlackUser => {
            let (status, body) = shared.lock().answer(&manner, &call);
            answered(status, Body::from(body.to_string()))
        }
        Manner::Answer(status, body) => answered(status, Body::from(body)),
        Manner::Endless { announced: true } => answered(StatusCode::OK, Body::from(vec![b' '; 1024 * 1024])),
        Manner::Endless { announced: false } => {
            let chunk = Ok::<_, Infallible>(Bytes::from_static(&[b' '; 1024]));
            answered(StatusCode::OK, Body::from_stream(stream::repeat(chunk)))
        }
        Manner::Redirect => {
            let mut response = answered(StatusCode::TEMPORARY_REDIRECT, Body::empty());
            response.headers_mut().insert(header::LOCATION, "/elsewhere".parse().unwrap());
            response
        }
        Manner::Silent => std::future::pending().await,
    }
}

impl Shared {
    /// Answers as the documents of Google and Slack say.
    fn answer(&mut self, manner: &Manner, call: &Call) -> (StatusCode, Value) {
        match self.grant(manner, call) {
            Ok(answer) => (StatusCode::OK, answer),
            Err(error) if matches!(manner, Manner::Google) => {
                let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
                (status, json!({ "error": error, "error_description": "Not with canary." }))
            }
            Err(error) => {
                let error = match error {
                    "invalid_client" => "bad_client_secret",
                    "invalid_grant" if call.form["grant_type"] == "refresh_token" => "invalid_refresh_token",
                    "invalid_grant" => "invalid_code",
                    other => other,
                };
                (StatusCode::OK, json!({ "ok": false, "error": error }))
            }
        }
    }

    fn grant(&mut self, manner: &Manner, call: &Call) -> Result<Value, &'static str> {
        let form = &call.form;
        if !is_client(call) {
            return Err("invalid_client");
        }
        match form["grant_type"].as_str() {
            "authorization_code" => {
                // A code works once, whatever comes of it.
                let page = self.codes.remove(&form["code"]).ok_or("invalid_grant")?;
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
                if challenge != page["code_challenge"] || form["redirect_uri"] != page["redirect_uri"] {
                    return Err("invalid_grant");
                }
                Ok(self.tokens(manner, &page["scope"]))
            }
            "refresh_token" => {
                let is_known = match manner {
                    Manner::Google => self.refresh_tokens.contains(&form["refresh_token"]),
                    _ => self.refresh_tokens.remove(&form["refresh_token"]),
                };
                if !is_known {
                    return Err("invalid_grant");
                }
                let mut tokens = self.tokens(manner, "");
                let object = tokens.as_object_mut().unwrap();
                object.remove("scope");
                if matches!(manner, Manner::Google) {
                    object.remove("refresh_token");
                }
                Ok(tokens)
            }
            _ => Err("unsupported_grant_type"),
        }
    }

    fn tokens(&mut self, manner: &Manner, scope: &str) -> Value {
        self.given += 1;
        let (access, refresh) = (format!("canary-access-{}", self.given), format!("canary-refresh-{}", self.given));
        self.refresh_tokens.insert(refresh.clone());
        match manner {
            Manner::SlackUser => json!({
                "ok": true,
                "app_id": "A0KRD7HC3",
                "authed_user": {
                    "id": "U1234",
                    "scope": scope,
                    "access_token": access,
                    "token_type": "user",
                    "refresh_token": refresh,
                    "expires_in": 43_200,
                },
                "team": { "id": "T9TK3CUKW", "name": "Slack Softball Team" },
                "enterprise": null,
                "is_enterprise_install": false,
            }),
            Manner::Slack => json!({
                "ok": true,
                "access_token": access,
                "expires_in": 43_200,
                "refresh_token": refresh,
                "token_type": "bot",
                "scope": scope,
                "bot_user_id": "U0KRQLJ9H",
                "app_id": "A0KRD7HC3",
                "team": { "name": "Slack Softball Team", "id": "T9TK3CUKW" },
                "enterprise": null,
                "authed_user": { "id": "U1234" },
            }),
            _ => json!({
                "access_token": access,
                "expires_in": 3_599,
                "refresh_token": refresh,
                "scope": scope,
                "token_type": "Bearer",
            }),
        }
    }
}

/// Says whether the platform's client calls, by one way of the two and not by both.
fn is_client(call: &Call) -> bool {
    let field = |name: &str| call.form.get(name).map(String::as_str);
    let Some(header) = &call.authorization else {
        return field("client_id") == Some(CLIENT_ID) && field("client_secret") == Some(CLIENT_SECRET);
    };
    let decoded = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
    let decoded = String::from_utf8(decoded).unwrap();
    let (id, secret) = decoded.split_once(':').unwrap();
    let unescape = |text: &str| {
        let form = format!("x={text}");
        form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect::<Vec<_>>()
    };
    field("client_secret").is_none() && unescape(id) == [CLIENT_ID] && unescape(secret) == [CLIENT_SECRET]
}
