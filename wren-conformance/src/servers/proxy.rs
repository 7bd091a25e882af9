//! A proxy before a server, which loses what a test wants lost.

use std::fmt;
use std::io::{BufReader, Result, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use super::http::{Message, PATIENCE, exchange};

/// What becomes of a request before it was passed on, or of an answer that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is passed on.
    Pass,
    /// The connection is closed instead.
    Close,
}

/// Is given the request, of an answer the one that it answers.
type Rule = Arc<dyn Fn(&str) -> Fate + Send + Sync>;

struct Rules {
    target: SocketAddr,
    requests: Rule,
    answers: Rule,
}

/// A proxy before a server of HTTP whose messages announce their lengths. It ends with its value.
pub struct Proxy {
    address: SocketAddr,
    rules: Arc<RwLock<Rules>>,
    ended: Arc<AtomicBool>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts a proxy that passes everything on.
    ///
    /// # Panics
    /// When this machine has no free port.
    #[must_use]
    pub fn start(target: SocketAddr) -> Self {
        let pass: Rule = Arc::new(|_: &str| Fate::Pass);
        let rules = Arc::new(RwLock::new(Rules { target, requests: Arc::clone(&pass), answers: pass }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), rules, ended: Arc::default() };
        let (rules, ended) = (Arc::clone(&proxy.rules), Arc::clone(&proxy.ended));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let rules = Arc::clone(&rules);
                std::thread::spawn(move || serve(client, &rules));
            }
        });
        proxy
    }

    /// Returns the proxy's own address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what becomes of the requests to come.
    pub fn on_requests(&self, rule: impl Fn(&str) -> Fate + Send + Sync + 'static) {
        self.rules.write().requests = Arc::new(rule);
    }

    /// Sets what becomes of the answers to come, each of which the server has given in whole. The rule is given the request,
    /// and the answer waits for as long as the rule takes.
    pub fn on_answers(&self, rule: impl Fn(&str) -> Fate + Send + Sync + 'static) {
        self.rules.write().answers = Arc::new(rule);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that listens, so that the port is free again.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves a connection for as long as everything on it is passed on.
fn serve(mut client: TcpStream, rules: &RwLock<Rules>) -> Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut requests = BufReader::new(client.try_clone()?);
    while let Some(request) = Message::read(&mut requests)? {
        let bytes = request.bytes();
        let text = String::from_utf8_lossy(&bytes);
        // Not called under the lock: a rule may take long, and a test may change it meanwhile.
        let (target, on_request, on_answer) = {
            let rules = rules.read();
            (rules.target, Arc::clone(&rules.requests), Arc::clone(&rules.answers))
        };
        if on_request(&text) == Fate::Close {
            break;
        }
        let answer = exchange(target, &bytes)?;
        if on_answer(&text) == Fate::Close {
            break;
        }
        client.write_all(&answer.bytes())?;
    }
    Ok(())
}
