//! As much of HTTP/1.1 as a client of an API needs.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use serde_json::Value;

/// A request, as a server saw it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The pairs of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns a header's value; the name is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Returns the first value of a name in the query.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// Returns every value of a name in the query.
    pub fn every<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON, null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Says whether the request has a bearer's token.
    #[must_use]
    pub fn bears(&self, token: &str) -> bool {
        self.header("authorization") == Some(format!("Bearer {token}").as_str())
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    /// Makes an answer; its body is JSON by its own word.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json; charset=UTF-8".to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// Makes an answer of JSON with status 200.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        Self::new(200, body.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Answers = dyn Fn(&Request) -> Reply + Send + Sync;

/// What the threads of a server share.
struct Shared {
    answer: Box<Answers>,
    seen: Mutex<Vec<Request>>,
    /// Answers that were ordered; one may wait for a certain path.
    next: Mutex<VecDeque<(Option<String>, Reply)>>,
    /// By number; each is taken out by its thread at its end.
    open: Mutex<HashMap<usize, TcpStream>>,
    numbers: AtomicUsize,
    is_over: AtomicBool,
}

impl Shared {
    /// Takes the answer that was ordered for a request to a path, if there is one.
    fn ordered(&self, path: &str) -> Option<Reply> {
        let mut next = self.next.lock();
        let at = next.iter().position(|(of, _)| of.as_ref().is_none_or(|of| of == path))?;
        next.remove(at).map(|(_, reply)| reply)
    }
}

/// A server of 127.0.0.1 with a thread for each connection.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a server that answers by a function.
    #[must_use]
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            seen: Mutex::default(),
            next: Mutex::default(),
            open: Mutex::default(),
            numbers: AtomicUsize::default(),
            is_over: AtomicBool::default(),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, &shared))
        };
        Self { address, shared, accepting: Some(accepting) }
    }

    /// Returns its address, without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.shared.seen.lock().clone()
    }

    /// Answers the next request that has no such answer yet.
    pub(super) fn answer_next(&self, reply: Reply) {
        self.shared.next.lock().push_back((None, reply));
    }

    /// Answers the next request for a path that has no such answer yet.
    pub(super) fn answer_next_of(&self, path: &str, reply: Reply) {
        self.shared.next.lock().push_back((Some(path.to_owned()), reply));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
        for connection in self.shared.open.lock().values() {
            connection.shutdown(Shutdown::Both).ok();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        let Ok(kept) = connection.try_clone() else { continue };
        let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
        shared.open.lock().insert(number, kept);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client may go at any time.
            serve(connection, &shared).ok();
            shared.open.lock().remove(&number);
        });
    }
}

/// Answers requests until the client has no more.
fn serve(connection: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut answers = connection.try_clone()?;
    let mut requests = BufReader::new(connection);
    while let Some(request) = read(&mut requests)? {
        shared.seen.lock().push(request.clone());
        let reply = shared.ordered(&request.path).unwrap_or_else(|| (shared.answer)(&request));
        let mut head = format!("HTTP/1.1 {} Said\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        answers.write_all(&[head.as_bytes(), &reply.body].concat())?;
        answers.flush()?;
    }
    Ok(())
}

/// Reads a request; `None` at the end of the connection.
fn read(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().ok_or_else(malformed)?.to_owned(), words.next().ok_or_else(malformed)?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), pairs(query));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    // Clients that know a body say its length; there is no other kind here.
    let length = first(&headers, "content-length").map_or(Ok(0), str::parse).map_err(|_| malformed())?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(Some(Request { method, path, query, headers, body }))
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Undoes the encoding of forms.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
