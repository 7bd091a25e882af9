//! Requests as no well-behaved client sends them.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::Wren;

/// Sends a request with any bytes as its body; returns the status and the JSON that came back.
pub(crate) fn request(wren: &Wren, method: &str, path: &str, key: &str, body: &[u8]) -> (u16, Value) {
    let authorization = format!("Authorization: Bearer {key}");
    try_request(wren.url(), method, path, &[&authorization], body).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Sends a request, with these header lines besides, to a server that may die meanwhile.
///
/// # Errors
/// When no whole answer came back: what was asked for has happened or has not.
pub(crate) fn try_request(
    url: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> std::io::Result<(u16, Value)> {
    let (status, body) = exchange(url, method, path, headers, body)?;
    let parsed = serde_json::from_str(&body);
    parsed.map(|body| (status, body)).map_err(|_| std::io::Error::other(format!("no whole answer: {body:?}")))
}

/// Sends a request; returns the status and the body.
fn exchange(url: &str, method: &str, path: &str, headers: &[&str], body: &[u8]) -> std::io::Result<(u16, String)> {
    let address = url.strip_prefix("http://").unwrap_or_default();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(super::PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for line in headers {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    // A server that refuses a body need not read it to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let parsed = text.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let is_chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
        Some((status, if is_chunked { unchunked(body)? } else { body.to_owned() }))
    });
    parsed.ok_or_else(|| std::io::Error::other(format!("no whole answer: {text:?}")))
}

/// Joins the chunks of a body.
fn unchunked(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}

/// Reads a path of the API.
pub(crate) fn get(wren: &Wren, path: &str) -> Value {
    let (status, value) = request(wren, "GET", path, wren.key(), b"");
    assert_eq!(status, 200, "{path}: {value}");
    value
}

/// Reads a path of the API that answers with text.
pub(crate) fn get_text(wren: &Wren, path: &str) -> String {
    let authorization = format!("Authorization: Bearer {}", wren.key());
    let (status, body) = exchange(wren.url(), "GET", path, &[&authorization], b"").unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// Reads all runs of a deployment, latest first.
pub(crate) fn all_runs(wren: &Wren, deployment: &str) -> Vec<Value> {
    let mut runs = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(wren, &format!("/v1/deployments/{deployment}/runs?limit=200{cursor}"));
        runs.extend(page["runs"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return runs };
        cursor = format!("&cursor={next}");
    }
}
