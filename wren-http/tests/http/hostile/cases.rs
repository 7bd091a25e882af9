//! Requests that are wrong, one by one, with what each is answered.

use serde_json::{Value, json};

use super::{Served, parsed};
use crate::deploy::SCRIPT;
use wren_http::ServeOptions;

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// An error in the API's form.
    Error(u16, &'static str),
    /// A status alone: there was no request that anybody could have read.
    Bare(u16),
    /// The answer to a request that is right after all.
    Fine(u16),
    /// Nothing.
    Cut,
}

use Told::{Bare, Cut, Error, Fine};

const REQUEST: &str = "INVALID_REQUEST";

/// Sends each of these on a connection of its own, and looks at what comes back, at what was stored, and whether others are served.
async fn check(served: &Served, cases: Vec<(&str, Vec<u8>, Told)>) {
    let before = served.stored().await;
    let mut wrong = Vec::new();
    for (name, bytes, expected) in cases {
        let answer = served.exchange(&bytes).await;
        served.is_up().await;
        let told = told(&answer);
        if told != expected {
            let shown: String = answer.chars().take(600).collect();
            wrong.push(format!("{name}: expected {expected:?}, not {told:?}: {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(served.stored().await, before, "nothing is half done");
}

fn told(answer: &str) -> Told {
    let Some((status, body)) = parsed(answer) else { return Cut };
    // One answer, whatever followed the request.
    assert_eq!(answer.matches("HTTP/1.1 ").count() + answer.matches("HTTP/1.0 ").count(), 1, "{answer}");
    let error = &body["error"];
    match error["code"].as_str() {
        Some(code) => {
            let has_all = ["message", "correlation_id", "type"].iter().all(|key| error[key].is_string());
            assert!(has_all && answer.contains("x-correlation-id: "), "{answer}");
            Error(status, code.to_owned().leak())
        }
        None if status < 400 => Fine(status),
        None => {
            assert_eq!(body, Value::Null, "{answer}");
            Bare(status)
        }
    }
}

#[tokio::test]
async fn a_head_that_is_wrong_is_refused() {
    let served = Served::start(ServeOptions::default(), |api| api).await;
    let runs = served.runs.clone();
    let get =
        |path: &str, more: &str| format!("{}{more}\r\n", served.head(&format!("GET {path} HTTP/1.1"))).into_bytes();
    let list = |more: &str| get("/v1/runs", more);
    let auth = format!("Authorization: Bearer {}", served.world.key);
    let raw = |text: &str| text.as_bytes().to_vec();
    let line = |line: &str| format!("{}\r\n", served.head(line)).into_bytes();
    let many: String = (0..10_000).map(|number| format!("X-{number}: x\r\n")).collect();
    let twice =
        format!("{}Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", served.head(&format!("POST {runs} HTTP/1.1")));
    let cases = vec![
        ("no host", raw(&format!("GET /v1/runs HTTP/1.1\r\nConnection: close\r\n{auth}\r\n\r\n")), Error(400, REQUEST)),
        ("two hosts", list("Host: other\r\n"), Error(400, REQUEST)),
        ("two keys", list("Authorization: Bearer wren_other\r\n"), Error(401, "INVALID_API_KEY")),
        ("the same key twice", list(&format!("{auth}\r\n")), Error(401, "INVALID_API_KEY")),
        ("two idempotency keys", twice.into_bytes(), Error(400, REQUEST)),
        ("two lengths", list("Content-Length: 1\r\nContent-Length: 2\r\n"), Bare(400)),
        ("a negative length", list("Content-Length: -1\r\n"), Bare(400)),
        ("a length with a sign", list("Content-Length: +1\r\n"), Bare(400)),
        ("a length beyond all bounds", list("Content-Length: 99999999999999999999999\r\n"), Bare(400)),
        ("a list of lengths", list("Content-Length: 1, 1\r\n"), Bare(400)),
        ("a header of a MiB", list(&format!("X-Large: {}\r\n", "x".repeat(1 << 20))), Bare(431)),
        ("ten thousand headers", list(&many), Bare(431)),
        ("a name with a space", list("Bad Name: x\r\n"), Bare(400)),
        ("a space before the colon", list("Content-Length : 1\r\n"), Bare(400)),
        ("a name with a NUL", list("Bad\0: x\r\n"), Bare(400)),
        ("a name beyond ASCII", list("B\u{e4}d: x\r\n"), Bare(400)),
        ("no name", list(": x\r\n"), Bare(400)),
        ("no colon", list("Bad\r\n"), Bare(400)),
        ("a value with a NUL", list("X-Bad: a\0b\r\n"), Bare(400)),
        ("a folded header", list("X-Bad: a\r\n b\r\n"), Bare(400)),
        (
            "a key that is no text",
            raw("GET /v1/runs HTTP/1.1\r\nHost: wren\r\nConnection: close\r\nAuthorization: Bearer \u{e4}\r\n\r\n"),
            Error(401, "INVALID_API_KEY"),
        ),
        ("an address of 10,000 characters", get(&format!("/v1/{}", "a".repeat(10_000)), ""), Error(404, "NOT_FOUND")),
        ("an address of 70,000 characters", get(&format!("/v1/{}", "a".repeat(70_000)), ""), Bare(414)),
        ("an address of a MiB", get(&format!("/v1/{}", "a".repeat(1 << 20)), ""), Bare(431)),
        ("a broken escape in a path", get("/v1/runs/%zz", ""), Error(404, "NOT_FOUND")),
        ("an escape that is no text", get("/v1/runs/%ff%fe", ""), Error(404, "NOT_FOUND")),
        ("a NUL in a path", get("/v1/runs/run_%00", ""), Error(404, "NOT_FOUND")),
        ("a broken escape in a query", get("/v1/runs?status=%zz", ""), Error(400, REQUEST)),
        ("a query that is no text", get("/v1/runs?status=%ff", ""), Error(400, REQUEST)),
        ("steps up", get("/v1/../../etc/passwd", ""), Error(404, "NOT_FOUND")),
        ("a whole address", get("http://other/v1/runs", ""), Fine(200)),
        ("an address in another form", line("GET runs HTTP/1.1"), Error(404, "NOT_FOUND")),
        ("no address", line("GET HTTP/1.1"), Bare(400)),
        ("an asterisk", line("OPTIONS * HTTP/1.1"), Error(404, "NOT_FOUND")),
        ("a tunnel", line("CONNECT other:443 HTTP/1.1"), Error(404, "NOT_FOUND")),
        ("a method that nobody knows", line("FROBNICATE /v1/runs HTTP/1.1"), Error(405, REQUEST)),
        ("a method in lower case", line("get /v1/runs HTTP/1.1"), Error(405, REQUEST)),
        ("a method that would echo", line("TRACE /v1/runs HTTP/1.1"), Error(405, REQUEST)),
        ("a method that is none", line("G@T /v1/runs HTTP/1.1"), Bare(400)),
        ("a version to come", line("GET /v1/runs HTTP/9.9"), Bare(400)),
        ("no version", raw("GET /healthz\r\n\r\n"), Bare(400)),
        ("an old version", line("GET /v1/runs HTTP/1.0"), Fine(200)),
        ("an old version without a host", raw("GET /healthz HTTP/1.0\r\n\r\n"), Fine(200)),
        ("empty lines before", [raw("\r\n\r\n"), list("")].concat(), Fine(200)),
        ("an upgrade", list("Connection: upgrade\r\nUpgrade: websocket\r\n"), Fine(200)),
        ("HTTP/2 without asking", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"), Cut),
        ("TLS", vec![0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00], Bare(400)),
        ("noise", (0..4096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), Bare(400)),
    ];
    check(&served, cases).await;
    served.stop().await;
}

#[tokio::test]
async fn a_body_whose_bounds_are_unclear_is_refused_and_nothing_behind_it_is_a_request() {
    let served = Served::start(ServeOptions::default(), |api| api).await;
    let deploy = |framing: &str, body: &str| {
        let head = served.head("POST /v1/scripts/deploy HTTP/1.1");
        format!("{head}Content-Type: application/json\r\n{framing}\r\n{body}").into_bytes()
    };
    let good = json!({"script": SCRIPT, "name": "smuggled"}).to_string();
    let chunk = format!("{:x}\r\n{good}\r\n", good.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let smuggled = format!("{}\r\n", served.head(&format!("POST {} HTTP/1.1", served.runs)));
    let both = format!("Content-Length: {}\r\n{chunked}", smuggled.len() + 5);
    let swapped = format!("{chunked}Content-Length: {}\r\n", smuggled.len() + 5);
    let huge = "Content-Length: 1000000000000\r\n";
    let expecting = format!("{huge}Expect: 100-continue\r\n");
    let cases = vec![
        // The chunks win and the connection ends, as RFC 9112, section 6.1, has it: the request behind the body is none.
        ("a length and chunks", deploy(&both, &format!("0\r\n\r\n{smuggled}")), Error(400, REQUEST)),
        ("chunks and a length", deploy(&swapped, &format!("0\r\n\r\n{smuggled}")), Error(400, REQUEST)),
        ("another coding", deploy("Transfer-Encoding: gzip\r\n", &good), Bare(400)),
        ("chunks that are not the last coding", deploy("Transfer-Encoding: chunked, gzip\r\n", &good), Bare(400)),
        ("a coding with a tail", deploy("Transfer-Encoding: chunkedx\r\n", &chunk), Bare(400)),
        ("chunks of an old version", deploy_as_old(&served, &chunk), Bare(400)),
        ("a size that is no number", deploy(chunked, &format!("zz\r\n{good}\r\n0\r\n\r\n")), Error(400, REQUEST)),
        ("a size with a sign", deploy(chunked, &format!("-1\r\n{good}\r\n0\r\n\r\n")), Error(400, REQUEST)),
        ("a size beyond all bounds", deploy(chunked, &format!("fffffffffffffffff\r\n{good}")), Error(400, REQUEST)),
        ("a chunk longer than its size", deploy(chunked, &format!("5\r\n{good}\r\n0\r\n\r\n")), Error(400, REQUEST)),
        ("an extension of a MiB", deploy(chunked, &format!("5;{}", "x".repeat(1 << 20))), Error(400, REQUEST)),
        ("trailers of a MiB", deploy(chunked, &format!("{chunk}0\r\nX: {}", "x".repeat(1 << 20))), Error(400, REQUEST)),
        (
            "chunks without end",
            deploy(chunked, &format!("1000000\r\n{}", "x".repeat(8 << 20))),
            Error(413, "SCRIPT_TOO_LARGE"),
        ),
        // Refused before a byte of it is there.
        ("a length above the limit", deploy(huge, ""), Error(413, "SCRIPT_TOO_LARGE")),
        ("a length above the limit, on request", deploy(&expecting, ""), Error(413, "SCRIPT_TOO_LARGE")),
        ("a body behind such a length", deploy(huge, &"x".repeat(8 << 20)), Error(413, "SCRIPT_TOO_LARGE")),
    ];
    check(&served, cases).await;
    served.stop().await;
}

fn deploy_as_old(served: &Served, chunk: &str) -> Vec<u8> {
    let head = served.head("POST /v1/scripts/deploy HTTP/1.0");
    format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing_behind() {
    use tokio::io::AsyncWriteExt as _;

    let served = Served::start(ServeOptions::default(), |api| api).await;
    let before = served.stored().await;
    let good = json!({"script": SCRIPT, "name": "half"}).to_string();
    let whole = served.post("/v1/scripts/deploy", good.as_bytes());
    let head = served.head("POST /v1/scripts/deploy HTTP/1.1");
    let chunk = format!("{:x}\r\n{good}\r\n", good.len());
    let chunked =
        format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}").into_bytes();
    for bytes in [&whole[..whole.len() - 1], &whole[..whole.len() - good.len()], &chunked[..]] {
        // All that there will be of it, with an ear for the answer and without.
        let mut stream = served.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = super::rest(stream).await;
        assert!(!answer.contains("HTTP/1.1 2"), "{answer}");
        let mut stream = served.connect().await;
        stream.write_all(bytes).await.unwrap();
        drop(stream);
        served.is_up().await;
    }
    assert_eq!(served.stored().await, before);
    // The same with its last byte.
    assert_eq!(parsed(&served.exchange(&whole).await).unwrap().0, 201);
    served.stop().await;
}

#[tokio::test]
async fn json_that_can_be_read_in_two_ways_or_none_is_refused() {
    let served = Served::start(ServeOptions::default(), |api| api).await;
    let script = json!(SCRIPT).to_string();
    let deploy = |more: &str| served.post("/v1/scripts/deploy", format!("{{\"script\": {script}{more}}}").as_bytes());
    let run = |event: &str| served.post(&served.runs, format!("{{\"event\": {event}}}").as_bytes());
    let metadata = r#", "metadata": {"triggers": [{"type": "schedule", "func": "daily_report", "config": "#;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let invalid = served.post("/v1/scripts/deploy", b"{\"script\": \"#\", \"name\": \"\xff\"}");
    let utf_16: Vec<u8> = "{\"script\": \"#\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16 = served.post("/v1/scripts/deploy", &utf_16);
    let cases = vec![
        ("a script twice", deploy(&format!(", \"script\": {script}")), Error(400, REQUEST)),
        ("a name twice", deploy(r#", "name": "a", "name": "b""#), Error(400, REQUEST)),
        ("a name twice, once in disguise", deploy(r#", "name": "a", "n\u0061me": "b""#), Error(400, REQUEST)),
        (
            "a cron twice",
            deploy(&format!("{metadata}{{\"cron\": \"0 9 * * *\", \"cron\": \"* * * * *\"}}}}]}}")),
            Error(400, REQUEST),
        ),
        ("a key of an event twice", run(r#"{"to": "ada", "to": "bob"}"#), Error(400, REQUEST)),
        ("a key deep in an event twice", run(r#"[[{"a": {"b": 1, "b": 2}}]]"#), Error(400, REQUEST)),
        ("an event of 10,000 levels", run(&nested(10_000)), Error(400, REQUEST)),
        ("metadata of 10,000 levels", deploy(&format!("{metadata}{}}}]}}", nested(10_000))), Error(400, REQUEST)),
        ("10,000 levels of objects", run(&("{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000))), Error(400, REQUEST)),
        ("a number beyond all bounds", run("1e999"), Error(400, REQUEST)),
        ("a number of 100,000 digits", run(&"9".repeat(100_000)), Error(400, REQUEST)),
        ("no number", run("NaN"), Error(400, REQUEST)),
        ("no end of numbers", run("-Infinity"), Error(400, REQUEST)),
        ("a number with a zero before", run("01"), Error(400, REQUEST)),
        ("half a pair", run(r#""\ud800""#), Error(400, REQUEST)),
        ("the other half of a pair", run(r#""\udc00""#), Error(400, REQUEST)),
        ("half a pair as a key", run(r#"{"\ud800": 1}"#), Error(400, REQUEST)),
        ("a control character as it is", run("\"\0\""), Error(400, REQUEST)),
        ("bytes that are no text", invalid, Error(400, REQUEST)),
        ("a NUL in a name", deploy(r#", "name": "a\u0000b""#), Error(400, REQUEST)),
        ("UTF-16", utf_16, Error(400, REQUEST)),
        ("a comment", run("1 /* one */"), Error(400, REQUEST)),
        ("a comma at the end", run("[1,]"), Error(400, REQUEST)),
        ("two documents", served.post(&served.runs, b"{}{}"), Error(400, REQUEST)),
    ];
    check(&served, cases).await;
    served.stop().await;
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_told_with_its_place() {
    let served = Served::start(ServeOptions::default(), |api| api).await;
    let answer = served.exchange(&served.post(&served.runs, b"{\"event\":\n {\"to\": 1, \"to\": 2}}")).await;
    let (status, body) = parsed(&answer).unwrap();
    let error = &body["error"];
    assert_eq!((status, &error["message"]), (400, &json!("`event.to` is there twice, again at line 2 column 15")));
    assert_eq!(error["details"], json!({"line": 2, "column": 15, "path": "event.to"}));
    assert_eq!(error["hint"], "send each key of an object once");
    served.stop().await;
}

#[tokio::test]
async fn requests_that_come_all_at_once_are_answered_in_turn() {
    let served = Served::start(ServeOptions::default(), |api| api).await;
    let key = &served.world.key;
    let list = format!("GET /v1/deployments HTTP/1.1\r\nHost: wren\r\nAuthorization: Bearer {key}\r\n\r\n");
    let nowhere = "GET /nowhere HTTP/1.1\r\nHost: wren\r\n\r\n";
    let mut all = format!("{list}{nowhere}").repeat(100);
    all.push_str("GET /healthz HTTP/1.1\r\nHost: wren\r\nConnection: close\r\n\r\n");
    // What comes after the last one is nobody's.
    all.push_str(&list);
    let answer = served.exchange(all.as_bytes()).await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    let mut expected = ["200", "404"].repeat(100);
    expected.push("200");
    assert_eq!(statuses, expected, "{answer}");
    assert!(answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
    served.stop().await;
}
