//! Where a secret could lie.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::support::processes::descendants;
use crate::support::{PATIENCE, Wren};

/// Calls a function with every file of a folder and of the folders in it.
pub(crate) fn files(folder: &Path, look: &mut dyn FnMut(&str, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, look);
        } else if let Ok(bytes) = std::fs::read(&path) {
            look(&path.display().to_string(), &bytes);
        }
    }
}

/// Returns the environments and arguments of a process and all below it, sandboxes included.
pub(crate) fn processes(root: u32) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let all = descendants(root).into_iter().map(|process| process.pid).chain([root]);
    for pid in all {
        for file in ["environ", "cmdline"] {
            let path = format!("/proc/{pid}/{file}");
            if let Ok(bytes) = std::fs::read(&path) {
                found.push((path, bytes));
            }
        }
    }
    assert!(found.len() >= 2, "the server itself is there");
    found
}

/// Sends a form as a browser does; returns what it shows.
pub(crate) fn post_form(wren: &Wren, path: &str, body: &str) -> String {
    let host = wren.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nOrigin: http://{host}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
