//! Clients that are broken, slow or mean, on a real socket: each is told what is wrong as far as it can be, nothing of what it
//! sent is half done, and others are served meanwhile.

mod cases;
mod slow;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wren_core::model::PageOptions;
use wren_core::store::{ListDeployments, ListRuns};
use wren_http::{Api, ServeOptions, serve_with};

use crate::deploy::sees;
use crate::support::{World, ada};

/// How long anything may take before a test gives up on it. Long, since machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A world on a socket.
struct Served {
    world: World,
    address: SocketAddr,
    /// The runs of a deployment that is there.
    runs: String,
    shutdown: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(options: ServeOptions, adjust: impl FnOnce(Api) -> Api) -> Self {
        let world = World::with(adjust).await;
        // What a script of these tests would register, if it came to that.
        sees(&world, "0 9 * * *");
        let (deployed, _) = world.reported(&ada()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_with(listener, world.router.clone(), shutdown.clone(), options));
        let runs = format!("/v1/deployments/{}/runs", deployed.deployment.id);
        Self { world, address, runs, shutdown, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Begins the head of a request with a good key, on a connection that ends with its answer.
    fn head(&self, line: &str) -> String {
        let key = &self.world.key;
        format!("{line}\r\nHost: wren\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n")
    }

    /// Makes a request with a body in JSON.
    fn post(&self, path: &str, body: &[u8]) -> Vec<u8> {
        let head = self.head(&format!("POST {path} HTTP/1.1"));
        let length = body.len();
        let mut request =
            format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// Sends bytes, and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that refuses need not read to the end.
        let _ = stream.write_all(bytes).await;
        rest(stream).await
    }

    /// Asserts that another client is served.
    async fn is_up(&self) {
        let answer = self.exchange(format!("{}\r\n", self.head("GET /v1/deployments HTTP/1.1")).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }

    /// Counts what has been stored of deployments, and of runs.
    async fn stored(&self) -> (usize, usize) {
        let page = PageOptions::first(200);
        let deployments = ListDeployments { page: page.clone(), ..ListDeployments::default() };
        let runs = ListRuns { page, ..ListRuns::default() };
        let engine = &self.world.engine;
        let deployments = engine.deployments(&ada(), deployments).await.unwrap().items.len();
        (deployments, engine.runs(&ada(), runs).await.unwrap().items.len())
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.server).await.unwrap().unwrap().unwrap();
    }
}

/// Reads until the server closes, or resets the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the status of an answer and the JSON of its body; null without one.
fn parsed(answer: &str) -> Option<(u16, Value)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}
