//! Following a run: what is sent, where a stream goes on that was cut, and when it ends.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wren_core::ErrorCode;
use wren_core::keys::NewApiKey;
use wren_http::Api;

use crate::support::{Answer, NOW, World, ada, at, request_as};

/// An event as it came.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: Value,
}

fn events(text: &str) -> Vec<Event> {
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    let blocks = text.split_terminator("\n\n").filter(|block| !block.starts_with(':'));
    let event = |block: &str| Event {
        id: field(block, "id"),
        name: field(block, "event").unwrap(),
        data: serde_json::from_str(&field(block, "data").unwrap()).unwrap(),
    };
    blocks.map(event).collect()
}

/// A stream that is being read.
struct Reader(Body, String);

impl Reader {
    async fn open(world: &World, path: &str, key: &str) -> Result<Self, Answer> {
        let request = request_as(key, "GET", path).header(header::ACCEPT, "text/event-stream");
        let response: Response<Body> =
            world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        if response.status() != 200 {
            return Err(Answer::read(response).await);
        }
        Ok(Self(response.into_body(), String::new()))
    }

    /// Reads the next piece; none at the end.
    async fn piece(&mut self) -> Option<String> {
        let frame = self.0.frame().await?.unwrap();
        let piece = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        self.1.push_str(&piece);
        Some(piece)
    }

    /// Reads until the text has something.
    async fn until(&mut self, wanted: &str) {
        while !self.1.contains(wanted) {
            self.piece().await.unwrap_or_else(|| panic!("`{wanted}` never came: {}", self.1));
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        while self.piece().await.is_some() {}
        events(&self.1)
    }
}

async fn ask(world: &World, path: &str, last: Option<&str>) -> Answer {
    let mut request = world.request("GET", path).header(header::ACCEPT, "text/event-stream");
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// A world in which a run waits that prints what is sent to it, once the engine runs.
async fn with_run(adjust: impl FnOnce(Api) -> Api) -> (World, String, UnboundedSender<String>) {
    let world = World::with(adjust).await;
    let (deployed, _) = world.reported(&ada()).await;
    let run = world.poke(&format!("/v1/deployments/{}/runs", deployed.deployment.id)).await.json(202);
    let (printer, prints) = unbounded_channel();
    *world.executor.prints.lock() = Some(prints);
    (world, run["logs_url"].as_str().unwrap().to_owned(), printer)
}

fn start(world: &World) -> CancellationToken {
    let (engine, shutdown) = (world.engine.clone(), CancellationToken::new());
    let stop = shutdown.clone();
    tokio::spawn(async move { engine.run(stop).await });
    shutdown
}

#[tokio::test]
async fn a_run_that_has_ended_is_told_from_its_first_line_to_its_end() {
    let world = World::new().await;
    let (_, run) = world.reported(&ada()).await;
    let path = format!("/v1/runs/{}/logs", run.id);
    let answer = ask(&world, &path, None).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!((answer.header("x-accel-buffering"), answer.header("cache-control")), (Some("no"), Some("no-store")));
    let told = events(&answer.text);
    assert_eq!(names(&told), ["log", "log", "end"]);
    let page = world.get(&path).await.json(200);
    assert_eq!(json!([told[0].data, told[1].data]), page["logs"]);
    assert_eq!(told.iter().map(|event| event.id.as_deref().unwrap()).collect::<Vec<_>>(), ["1", "2", "2.end"]);
    assert_eq!(told[2].data, world.get("/v1/runs").await.json(200)["runs"][0]);
    assert_eq!(
        world.send(world.request("GET", &format!("{path}?format=events")).body(Body::empty()).unwrap()).await.text,
        answer.text
    );
}

#[tokio::test]
async fn a_stream_that_was_cut_goes_on_after_what_was_heard() {
    let world = World::new().await;
    let (_, run) = world.reported(&ada()).await;
    let path = format!("/v1/runs/{}/logs", run.id);
    for (path, last, ids) in [
        (format!("{path}?after=1"), None, vec!["2", "2.end"]),
        (path.clone(), Some("1"), vec!["2", "2.end"]),
        // The address of an `EventSource` stays as it was.
        (format!("{path}?after=0"), Some("2"), vec!["2.end"]),
        (format!("{path}?after=7"), None, vec!["7.end"]),
    ] {
        let told = events(&ask(&world, &path, last).await.text);
        assert_eq!(told.iter().map(|event| event.id.as_deref().unwrap()).collect::<Vec<_>>(), ids, "{path} {last:?}");
    }
    // An `EventSource` that comes back after the end is sent away for good.
    let answer = ask(&world, &path, Some("2.end")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
}

#[tokio::test]
async fn what_is_no_place_in_a_stream_is_refused() {
    let world = World::new().await;
    let (_, run) = world.reported(&ada()).await;
    let path = format!("/v1/runs/{}/logs", run.id);
    let error = ask(&world, &path, Some("soon")).await.error(400, ErrorCode::InvalidRequest);
    assert_eq!(error["hint"], "send the `id` of the last event, or leave it out");
    ask(&world, &format!("{path}?limit=5"), None).await.error(400, ErrorCode::InvalidRequest);
    ask(&world, "/v1/runs/run_00000000000000000000000001/logs", None).await.error(404, ErrorCode::NotFound);
    assert_eq!(world.engine.followed_runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn lines_and_states_come_as_they_happen() {
    let (world, path, printer) = with_run(|api| api).await;
    let mut reader = Reader::open(&world, &path, &world.key).await.unwrap();
    reader.until("\"status\":\"queued\"").await;
    let _engine = start(&world);
    reader.until("\"status\":\"running\"").await;
    printer.send("one".to_owned()).unwrap();
    reader.until("\"text\":\"one\"").await;
    printer.send("two\nlines".to_owned()).unwrap();
    reader.until("\"text\":\"two\\nlines\"").await;
    drop(printer);
    let told = reader.rest().await;
    assert_eq!(names(&told), ["status", "status", "log", "log", "end"]);
    assert_eq!(told[4].data["status"], "success");
    assert_eq!(world.engine.followed_runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_outlives_the_time_limit_of_requests_and_says_that_it_is_there() {
    let (world, path, printer) = with_run(|api| api.with_request_timeout(Duration::from_secs(5))).await;
    let _engine = start(&world);
    let mut reader = Reader::open(&world, &path, &world.key).await.unwrap();
    reader.until("\"status\":\"running\"").await;
    let begun = tokio::time::Instant::now();
    for beat in 1..=8 {
        assert_eq!(reader.piece().await.unwrap(), ": still there\n\n");
        assert!(begun.elapsed() <= Duration::from_secs(15 * beat + 1));
    }
    printer.send("late".to_owned()).unwrap();
    drop(printer);
    assert!(names(&reader.rest().await).ends_with(&["log", "end"]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_key() {
    let (world, path, _printer) = with_run(|api| api).await;
    let key = world.create_key(NewApiKey::new(ada()).with_scopes(vec!["read".to_owned()])).await;
    let id = world.keys().list(&ada(), at(NOW)).await.unwrap().pop().unwrap().id;
    let mut reader = Reader::open(&world, &path, &key).await.unwrap();
    reader.until("queued").await;
    world.keys().revoke(&ada(), id, at(NOW)).await.unwrap();
    let told = reader.rest().await;
    assert_eq!(names(&told), ["status", "failure"]);
    assert_eq!(told[1].data["error"]["code"], "INVALID_API_KEY");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_deleted_ends_its_streams() {
    let (world, path, _printer) = with_run(|api| api).await;
    let mut reader = Reader::open(&world, &path, &world.key).await.unwrap();
    reader.until("queued").await;
    let id = path.split('/').nth(3).unwrap();
    world.poke(&format!("/v1/runs/{id}/cancel")).await.json(200);
    world.engine.store().prune(at("2025-01-01T00:00:00Z"), 100).await.unwrap();
    let told = reader.rest().await;
    assert_eq!(names(&told), ["status", "failure"]);
    assert_eq!(told[1].data["error"]["code"], "NOT_FOUND");
}

#[tokio::test(start_paused = true)]
async fn so_many_streams_and_no_more_are_open_at_once() {
    let (world, path, _printer) = with_run(|api| api.with_stream_limits(2, 3, 4)).await;
    let other = world.key_of(&ada(), &["read"]).await;
    let first = Reader::open(&world, &path, &world.key).await.unwrap();
    let _second = Reader::open(&world, &path, &world.key).await.unwrap();
    let refused = ask(&world, &path, None).await;
    let error = refused.error(429, ErrorCode::RateLimited);
    assert_eq!((refused.header("retry-after"), &error["details"]["limit"]), (Some("15"), &json!(2)));
    let _third = Reader::open(&world, &path, &other).await.unwrap();
    let refused = Reader::open(&world, &path, &other).await.err().unwrap();
    assert_eq!(refused.error(429, ErrorCode::RateLimited)["details"]["limit"], 3);
    // Pages are not streams, and who goes away makes room.
    world.get(&path).await.json(200);
    drop(first);
    Reader::open(&world, &path, &other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stops_ends_the_streams() {
    let closing = CancellationToken::new();
    let (world, path, _printer) = with_run(|api| api.with_closing(closing.clone())).await;
    let mut reader = Reader::open(&world, &path, &world.key).await.unwrap();
    reader.until("queued").await;
    closing.cancel();
    assert_eq!(names(&reader.rest().await), ["status"], "nobody takes it for the run's end");
}
