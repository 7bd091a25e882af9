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

use crate::support::{Check, World};

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
