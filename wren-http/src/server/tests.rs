//! What a server does when it runs out of places, of file descriptors or of patience, in virtual time.

use std::net::IpAddr;

use axum::body::Body;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

/// Hands out the connections that a test sends, and its failures.
struct Script(mpsc::UnboundedReceiver<io::Result<DuplexStream>>);

impl Accept for Script {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Option<IpAddr>)> {
        match self.0.recv().await {
            Some(accepted) => accepted.map(|stream| (stream, None)),
            None => std::future::pending().await,
        }
    }
}

struct Server {
    source: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    ended: JoinHandle<io::Result<()>>,
    begun: Instant,
}

impl Server {
    fn start(options: ServeOptions) -> Self {
        let router = Router::new()
            .route("/small", get(|| async { "small" }))
            .route("/large", get(|| async { vec![b'x'; 1024 * 1024] }))
            .route("/slow", get(|| async { Body::from_stream(beats()) }));
        let (source, script) = mpsc::unbounded_channel();
        let ended = tokio::spawn(serve_from(Script(script), router, CancellationToken::new(), options));
        Self { source, ended, begun: Instant::now() }
    }

    fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(1024);
        self.source.send(Ok(theirs)).unwrap();
        ours
    }

    /// Connects, asks, and returns the answer with when it was complete.
    async fn ask(&self) -> (String, Duration) {
        let mut stream = self.connect();
        request(&mut stream, "/small", "close").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer, self.begun.elapsed())
    }

    /// Asserts that a connection made at the beginning is served only once a place is free, which it is then.
    async fn is_full_until(&self, free: Duration) {
        let (answer, at) = self.ask().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("small"), "{answer}");
        assert_eq!(at, free);
    }
}

/// One byte each 15 seconds, for an hour.
fn beats() -> impl futures::Stream<Item = io::Result<&'static str>> + Send {
    futures::stream::unfold(0, async |beat| {
        tokio::time::sleep(Duration::from_secs(15)).await;
        (beat < 240).then_some((Ok("."), beat + 1))
    })
}

async fn request(stream: &mut DuplexStream, path: &str, connection: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: wren\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

fn failing(number: i32) -> io::Result<DuplexStream> {
    Err(io::Error::from_raw_os_error(number))
}

#[tokio::test(start_paused = true)]
async fn a_connection_above_the_cap_waits_until_a_silent_one_is_closed() {
    let options = ServeOptions::default().with_max_connections(2);
    let server = Server::start(options);
    let _silent = [server.connect(), server.connect()];
    server.is_full_until(options.header_timeout).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_idle_after_its_answer_gives_its_place_up() {
    let options = ServeOptions::default().with_max_connections(1);
    let server = Server::start(options);
    let mut idle = server.connect();
    request(&mut idle, "/small", "keep-alive").await;
    server.is_full_until(options.header_timeout).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_and_never_reads_gives_its_place_up() {
    let options = ServeOptions::default().with_max_connections(1);
    let server = Server::start(options);
    let mut deaf = server.connect();
    request(&mut deaf, "/large", "keep-alive").await;
    server.is_full_until(options.write_timeout).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_goes_on_is_cut_by_no_time_limit() {
    let server = Server::start(ServeOptions::default());
    let mut stream = server.connect();
    request(&mut stream, "/slow", "close").await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("\r\n.\r\n").count(), 240, "{answer}");
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_given_back_is_taken_at_once() {
    let server = Server::start(ServeOptions::default().with_max_connections(1));
    for _ in 0..10 {
        server.is_full_until(Duration::ZERO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cap_of_none_is_a_cap_of_one() {
    let server = Server::start(ServeOptions::default().with_max_connections(0));
    server.is_full_until(Duration::ZERO).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_want_of_descriptors_is_waited_out_however_long_it_lasts() {
    let (emfile, enfile, econnaborted) = (24, 23, 103);
    let server = Server::start(ServeOptions::default());
    for _ in 0..500 {
        server.source.send(failing(emfile)).unwrap();
        server.source.send(failing(enfile)).unwrap();
        // Not the listener's fault at all, and no reason to pause.
        server.source.send(failing(econnaborted)).unwrap();
    }
    server.is_full_until(ACCEPT_PAUSE * 1000).await;
    assert!(!server.ended.is_finished());
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_socket_that_does_not_listen_ends_the_server() {
    let einval = 22;
    let server = Server::start(ServeOptions::default());
    server.source.send(failing(einval)).unwrap();
    let error = server.ended.await.unwrap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(einval));
}
