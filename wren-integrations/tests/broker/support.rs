//! Servers that remember what they were asked, and a script that asks.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use wren_core::host::{Host as _, HostRequest, RunContext};
use wren_core::memory::MemoryVault;
use wren_core::model::TriggerKind;
use wren_core::vault::{CredentialVault as _, NewCredential};
use wren_core::{CorrelationId, DeploymentId, Error, ErrorCode, OwnerId, Result, RunId};
use wren_integrations::{
    AllowedHosts, Broker, BrokerBuilder, BrokerOptions, Catalogue, IntegrationSpec, Origin, Resolver,
};

/// What must never be seen by a script or by the wrong server.
pub(crate) const CANARY: &str = "canary-7f3a/+x";

/// A request, as a server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A server of this machine.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a server on 127.0.0.1.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    pub(crate) async fn start_at(
        address: &str,
        answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let handler = move |request: Request| {
            let (answer, kept) = (answer.clone(), Arc::clone(&kept));
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let seen = Seen { method: parts.method, uri: parts.uri, headers: parts.headers, body };
                let response = answer(&seen);
                kept.lock().push(seen);
                response
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { port, seen }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

/// Makes an answer of a server.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

pub(crate) fn ok(_seen: &Seen) -> Response {
    answer(200, &[], "fine")
}

/// Answers one list after the other, the last one for ever.
#[derive(Debug)]
pub(crate) struct Names {
    answers: Vec<Vec<IpAddr>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), asked: Mutex::default() })
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock();
        asked.push(host.to_owned());
        Ok(self.answers.get(asked.len() - 1).or(self.answers.last()).cloned().unwrap_or_default())
    }
}

/// The integration that most tests use.
pub(crate) fn crm(origins: &[&str]) -> IntegrationSpec {
    let text = format!(
        "name = \"crm\"\ntitle = \"CRM\"\norigins = {origins:?}\nheaders = {{ x-version = \"7\" }}\n\
         place = {{ header = \"Authorization\", prefix = \"Bearer \" }}\n"
    );
    IntegrationSpec::parse("crm.toml", &text).unwrap()
}

pub(crate) fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

/// A broker under construction.
pub(crate) struct Setup {
    pub(crate) catalogue: Catalogue,
    pub(crate) options: BrokerOptions,
    pub(crate) vault: MemoryVault,
}

impl Setup {
    /// The catalogue that comes with the crate, `crm` on the first of the servers' origins, and an empty vault.
    pub(crate) fn new(servers: &[&Server]) -> Self {
        let mut setup = Self {
            catalogue: Catalogue::built_in().unwrap(),
            options: BrokerOptions::default(),
            vault: MemoryVault::new(),
        };
        for server in servers {
            setup = setup.private(&server.base());
        }
        if let Some(server) = servers.first() {
            setup.catalogue.add(crm(&[&server.base()]));
        }
        setup
    }

    pub(crate) fn private(mut self, origin: &str) -> Self {
        self.options = self.options.allowing_private(Origin::parse(origin).unwrap());
        self
    }

    pub(crate) fn at(self, integration: &str, server: &Server) -> Self {
        self.at_url(integration, &server.base())
    }

    pub(crate) fn at_url(mut self, integration: &str, url: &str) -> Self {
        self.catalogue.set_base_url(integration, url).unwrap();
        self
    }

    pub(crate) async fn with_secret(self, integration: &str, secret: &str) -> Self {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        self.vault.put(&ada(), NewCredential::new(integration, secret), now).await.unwrap();
        self
    }

    pub(crate) fn script(self) -> Script {
        self.script_with(|builder| builder)
    }

    pub(crate) fn script_with(self, change: impl FnOnce(BrokerBuilder) -> BrokerBuilder) -> Script {
        let directory = self.catalogue.directory("https://wrens.ie", "https://docs.wrens.ie");
        let builder = Broker::builder(self.catalogue, directory, Arc::new(self.vault)).with_options(self.options);
        Script { broker: change(builder).build().unwrap(), context: context(ada()) }
    }
}

pub(crate) fn context(owner: OwnerId) -> RunContext {
    RunContext {
        run_id: RunId::new(),
        owner,
        deployment_id: DeploymentId::new(),
        deployment_name: "daily".into(),
        revision: 1,
        trigger: TriggerKind::Manual,
        trigger_id: None,
        func: "main".into(),
        scheduled_for: DateTime::UNIX_EPOCH,
        attempt: 1,
        idempotency_key: "key".into(),
        correlation_id: CorrelationId::new("corr_test").unwrap(),
        timezone: "UTC".into(),
        secrets: wren_core::redact::RunSecrets::default(),
    }
}

/// A running script that asks the broker.
pub(crate) struct Script {
    pub(crate) broker: Broker,
    pub(crate) context: RunContext,
}

impl Script {
    pub(crate) async fn ask(&self, op: &str, args: Value) -> Result<Answer> {
        let args: Map<String, Value> = serde_json::from_value(args).unwrap();
        self.broker.call(&self.context, HostRequest { op: op.into(), args }).await.map(Answer)
    }

    /// Asks `crm`.
    pub(crate) async fn crm(&self, path: &str, mut args: Value) -> Result<Answer> {
        args["integration"] = json!("crm");
        args["path"] = json!(path);
        self.ask("integration.request", args).await
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Answer> {
        self.ask("http.request", json!({"method": "GET", "url": url})).await
    }

    pub(crate) async fn refusal(&self, op: &str, args: Value) -> Error {
        let shown = args.to_string();
        silent(self.ask(op, args).await.expect_err(&shown))
    }
}

/// Asserts that an error shows nothing of the canary.
pub(crate) fn silent(error: Error) -> Error {
    let shown = format!("{error} {error:?} {} {:?} {:?}", error.chain(), error.hint(), error.details());
    assert!(!shown.contains(CANARY), "{shown}");
    error
}

/// Asserts the code of a refusal.
#[track_caller]
pub(crate) fn is(result: Result<Answer>, code: ErrorCode) -> Error {
    let error = silent(result.expect_err("a refusal"));
    assert_eq!(error.code(), code, "{error}");
    error
}

/// What a script got.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Value);

impl Answer {
    pub(crate) fn status(&self) -> u64 {
        self.0["status"].as_u64().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0["headers"][name].as_str()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(STANDARD.decode(self.0["body"].as_str().unwrap_or_default()).unwrap()).unwrap()
    }
}

/// Lets plain requests reach this machine.
pub(crate) fn this_machine() -> Arc<AllowedHosts> {
    Arc::new(AllowedHosts::only(["127.0.0.1"]).unwrap())
}

pub(crate) fn body(text: &str) -> String {
    STANDARD.encode(text)
}
