//! Clients that take their time, or are gone without a word.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;
use wren_core::model::Completion;
use wren_http::ServeOptions;

use super::{PATIENCE, Served, parsed, rest};
use crate::deploy::SCRIPT;
use crate::support::{ada, at, schedule};

/// How patient these servers are. Long enough for a client that means well on a machine that is busy with other tests.
const SHORT: Duration = Duration::from_secs(2);

/// Sends one byte at a time, each as a packet of its own, until the server has had enough.
async fn drip(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true).unwrap();
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_one_like_any_other() {
    let served = Served::start(ServeOptions::default(), |api| api).await;
    let request = served.post("/v1/scripts/deploy", json!({"script": SCRIPT, "name": "slow"}).to_string().as_bytes());
    let mut stream = served.connect().await;
    drip(&mut stream, &request, Duration::ZERO).await.unwrap();
    assert_eq!(parsed(&rest(stream).await).unwrap().0, 201);
    served.stop().await;
}

#[tokio::test]
async fn heads_that_never_end_take_no_place_for_long() {
    let options = ServeOptions::default().with_header_timeout(SHORT).with_max_connections(4);
    let served = Served::start(options, |api| api).await;
    let slow = async || {
        let mut stream = served.connect().await;
        let endless = served.head("GET /v1/runs HTTP/1.1").repeat(1000);
        // However it ends: the server has not waited for the end of the head.
        let _ = drip(&mut stream, endless.as_bytes(), Duration::from_millis(5)).await;
        assert!(!rest(stream).await.contains(" 200 OK"));
    };
    // As many as there are places, and another client beside them.
    let ((), (), (), (), ()) = tokio::join!(slow(), slow(), slow(), slow(), served.is_up());
    served.stop().await;
}

#[tokio::test]
async fn bodies_that_never_end_are_given_up_and_told_so() {
    let served = Served::start(ServeOptions::default(), |api| api.with_body_timeout(SHORT)).await;
    let before = served.stored().await;
    let head = served.head("POST /v1/scripts/deploy HTTP/1.1");
    let body = json!({"script": SCRIPT, "name": "slow"}).to_string();
    for framing in [format!("Content-Length: {}\r\n\r\n", body.len()), "Transfer-Encoding: chunked\r\n\r\n".to_owned()]
    {
        let mut stream = served.connect().await;
        let head = format!("{head}Content-Type: application/json\r\n{framing}");
        stream.write_all(head.as_bytes()).await.unwrap();
        // All but the last byte: it is not what was sent that counts, but what was not.
        stream.write_all(&body.as_bytes()[..1]).await.unwrap();
        let (answer, ()) = tokio::join!(rest(stream), served.is_up());
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
        assert_eq!(parsed(&answer).unwrap().1["error"]["code"], "INVALID_REQUEST", "{answer}");
    }
    assert_eq!(served.stored().await, before);
    served.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_a_large_answer_gives_its_place_up() {
    let options = ServeOptions::default().with_write_timeout(SHORT).with_max_connections(1);
    let served = Served::start(options, |api| api).await;
    let logs = printed(&served, 10_000).await;
    let mut deaf = served.connect().await;
    deaf.write_all(format!("{}\r\n", served.head(&format!("GET {logs}?limit=10000 HTTP/1.1"))).as_bytes())
        .await
        .unwrap();
    // The one place there is.
    tokio::time::timeout(PATIENCE, served.is_up()).await.unwrap();
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = deaf.read(&mut buffer).await {
        read += count;
    }
    assert!(read < 10_000 * 1_000, "it was cut off before its end");
    served.stop().await;
}

/// Has a run print so many lines of a thousand characters; returns the path of its logs.
async fn printed(served: &Served, lines: usize) -> String {
    let world = &served.world;
    let now = at("2024-12-08T10:00:00Z");
    let deployed = world.seed(&ada(), "talkative", vec![schedule("talk", "0 9 * * *")], now).await;
    let due = world.fire(deployed.triggers[0].id, now).await;
    let run = world.claim(now).await.into_iter().find(|run| run.id == due).unwrap();
    let line = "x".repeat(1_000);
    world.finish(&run, Completion::Success(json!(null)), &vec![line.as_str(); lines], now).await;
    format!("/v1/runs/{}/logs", run.id)
}

#[tokio::test]
async fn a_follower_that_stops_reading_holds_nobody_up_and_is_forgotten() {
    const LINES: usize = 20_000;

    let options = ServeOptions::default().with_write_timeout(SHORT);
    let served = Served::start(options, |api| api).await;
    let run = parsed(&served.exchange(&served.post(&served.runs, b"{}")).await).unwrap().1;
    let logs = run["logs_url"].as_str().unwrap();
    let (printer, prints) = unbounded_channel();
    *served.world.executor.prints.lock() = Some(prints);
    let (engine, stop) = (served.world.engine.clone(), CancellationToken::new());
    let stopped = stop.clone();
    let running = tokio::spawn(async move { engine.run(stopped).await });

    let follow = format!("{}Accept: text/event-stream\r\n\r\n", served.head(&format!("GET {logs} HTTP/1.1")));
    let mut listening = served.connect().await;
    listening.write_all(follow.as_bytes()).await.unwrap();
    let mut deaf = served.connect().await;
    deaf.write_all(follow.as_bytes()).await.unwrap();
    // Both are there before anything is printed.
    for stream in [&mut listening, &mut deaf] {
        stream.read_exact(&mut [0; 15]).await.unwrap();
    }
    let gone = served.connect().await;
    let mut gone = gone;
    gone.write_all(follow.as_bytes()).await.unwrap();
    drop(gone);
    let line = "x".repeat(1_000);
    for _ in 0..LINES {
        printer.send(line.clone()).unwrap();
    }
    drop(printer);
    let told = rest(listening).await;
    assert_eq!(told.matches("event: log\n").count(), LINES);
    assert!(told.contains("event: end\n"));
    served.is_up().await;
    let forgotten = async {
        while served.world.engine.followed_runs() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("nobody is followed for who is not there");
    stop.cancel();
    running.await.unwrap().unwrap();
    served.stop().await;
}

#[tokio::test]
async fn clients_that_leave_in_the_middle_leave_nothing_behind() {
    let served = Served::start(ServeOptions::default().with_max_connections(8), |api| api).await;
    let before = served.stored().await;
    let body = json!({"script": SCRIPT, "name": "gone"}).to_string();
    let request = served.post("/v1/scripts/deploy", body.as_bytes());
    for number in 0..500 {
        let mut stream = served.connect().await;
        // From nothing to all but the last byte.
        stream.write_all(&request[..request.len() * number / 500]).await.unwrap();
        if number % 2 == 0 {
            // With a reset in place of a farewell.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    served.is_up().await;
    assert_eq!(served.stored().await, before);
    served.stop().await;
}
