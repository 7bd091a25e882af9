//! Requests as no well-behaved client sends them.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::Wren;

/// Sends a request with any bytes as its body; returns the status and the JSON that came back.
pub(crate) fn request(wren: &Wren, method: &str, path: &str, key: &str, body: &[u8]) -> (u16, Value) {
    let address = wren.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body need not read it to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    (status, value)
}

/// Reads a path of the API.
pub(crate) fn get(wren: &Wren, path: &str) -> Value {
    let (status, value) = request(wren, "GET", path, wren.key(), b"");
    assert_eq!(status, 200, "{path}: {value}");
    value
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
