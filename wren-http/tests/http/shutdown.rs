//! Serving on a socket, and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wren_http::{ServeOptions, serve, serve_with};

use crate::support::{Check, World, ada};

async fn start(
    world: &World,
    options: ServeOptions,
) -> (SocketAddr, CancellationToken, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve_with(listener, world.router.clone(), shutdown.clone(), options));
    (address, shutdown, server)
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: wren\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_server_answers_over_a_socket_and_stops_when_told() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, world.router.clone(), shutdown.clone()));
    let mut stream = ask(address, "/healthz").await;
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    shutdown.cancel();
    // The idle connection is closed, and does not hold the server up.
    assert!(rest(stream).await.ends_with("{\"status\":\"ok\"}"));
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_in_progress_is_answered_after_the_shutdown_and_no_new_one_is() {
    let world = World::new().await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    *world.executor.check.lock() = Check::Waits(Arc::clone(&begun), Arc::clone(&go_on));
    let (address, shutdown, server) = start(&world, ServeOptions::default()).await;
    let stream = ask(address, "/readyz").await;
    begun.notified().await;
    shutdown.cancel();
    // The port is given up while the request is still being answered.
    let mut given_up = false;
    for _ in 0..1000 {
        given_up = given_up || TcpStream::connect(address).await.is_err();
        tokio::task::yield_now().await;
    }
    assert!(given_up);
    assert!(!server.is_finished());
    go_on.notify_one();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{\"status\":\"ready\"}"), "{answer}");
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_deadline() {
    let world = World::new().await;
    let (begun, never) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    *world.executor.check.lock() = Check::Waits(Arc::clone(&begun), never);
    let (address, shutdown, server) =
        start(&world, ServeOptions::default().with_drain(Duration::from_millis(20))).await;
    let stream = ask(address, "/readyz").await;
    begun.notified().await;
    shutdown.cancel();
    server.await.unwrap().unwrap();
    assert_eq!(rest(stream).await, "");
}

#[tokio::test]
async fn a_head_that_does_not_arrive_is_given_up() {
    let world = World::new().await;
    let options = ServeOptions::default().with_header_timeout(Duration::from_millis(20));
    let (address, shutdown, server) = start(&world, options).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    assert!(!rest(stream).await.contains("200 OK"));
    shutdown.cancel();
    server.await.unwrap().unwrap();
}

/// Begins to follow a run that waits, over a socket.
async fn follow(world: &World, address: SocketAddr) -> TcpStream {
    let (deployed, _) = world.reported(&ada()).await;
    let run = world.poke(&format!("/v1/deployments/{}/runs", deployed.deployment.id)).await.json(202);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (path, key) = (run["logs_url"].as_str().unwrap(), &world.key);
    let head = format!("GET {path}?format=events HTTP/1.1\r\nHost: wren\r\nAuthorization: Bearer {key}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = Vec::new();
    while !begin.ends_with(b"\n\n\r\n") {
        begin.push(stream.read_u8().await.unwrap());
    }
    stream
}

#[tokio::test]
async fn a_stream_that_goes_on_does_not_hold_up_the_shutdown() {
    let world = World::new().await;
    let options = ServeOptions::default().with_drain(Duration::from_secs(3600));
    let (address, shutdown, server) = start(&world, options).await;
    let stream = follow(&world, address).await;
    shutdown.cancel();
    // The end of the chunks: the answer is whole, and its client knows that nothing was lost on the way.
    assert_eq!(rest(stream).await, "0\r\n\r\n");
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_is_not_followed_for() {
    let world = World::new().await;
    let (address, shutdown, server) = start(&world, ServeOptions::default()).await;
    let stream = follow(&world, address).await;
    assert_eq!(world.engine.followed_runs(), 1);
    drop(stream);
    let gone = async {
        while world.engine.followed_runs() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    shutdown.cancel();
    server.await.unwrap().unwrap();
}
