//! One connection to the server, kept alive, with one request on it at a time.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Failure;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<String>,
    pub(super) idempotency_key: Option<String>,
    /// Whether the answer is to go on, as a stream of events.
    pub(super) follows: bool,
}

impl Question {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    pub(super) fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body.into()), ..Self::default() }
    }
}

/// A connection with a key.
#[derive(Debug)]
pub(super) struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: String,
    authorization: String,
}

impl Client {
    pub(super) async fn connect(address: &str, key: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; what goes wrong is told to who waits for an answer.
        tokio::spawn(connection);
        Ok(Self { sender, address: address.to_owned(), authorization: format!("Bearer {key}") })
    }

    /// Sends a request, and returns the answer's head with the body to come.
    pub(super) async fn begin(&mut self, question: &Question) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder().method(&question.method).uri(&question.path);
        request = request.header(HOST, &self.address).header(AUTHORIZATION, &self.authorization);
        if question.follows {
            request = request.header(ACCEPT, "text/event-stream");
        }
        if let Some(key) = &question.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if question.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::from(question.body.clone().unwrap_or_default());
        let request = request.body(body)?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Sends a request; returns the status and the whole body of the answer.
    pub(super) async fn ask(&mut self, question: &Question) -> Result<(u16, Bytes), Failure> {
        let answer = self.begin(question).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Sends a request that must succeed; returns the JSON of the answer.
    pub(super) async fn json(&mut self, question: &Question) -> Result<Value, Failure> {
        let (status, body) = self.ask(question).await?;
        if !(200..300).contains(&status) {
            let text = String::from_utf8_lossy(&body);
            return Err(format!("{} {} was answered with {status}: {text}", question.method, question.path).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
