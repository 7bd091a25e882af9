//! A way to PostgreSQL that breaks at the worst moment: when it is asked to commit.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::thread;

/// The socket's name, by PostgreSQL's rules for the default port.
const SOCKET: &str = ".s.PGSQL.5432";

/// What is to happen at the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// The server never hears of it.
    BeforeCommit,
    /// The server commits, and nobody hears that it did.
    AfterCommit,
}

#[derive(Debug, Default)]
struct State {
    fault: AtomicU8,
    /// How many commits did not reach the server, and how many answers not the client.
    lost_commits: AtomicU32,
    lost_answers: AtomicU32,
}

/// A listener on a socket of its own, which ends with the test's process.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    state: Arc<State>,
}

impl Proxy {
    /// Starts one in front of the server whose socket is in a folder.
    pub(crate) fn start(server: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let state = Arc::<State>::default();
        let (server, shared) = (server.join(SOCKET), Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A server that is away is so to the client, too.
                if let Ok(server) = UnixStream::connect(&server) {
                    serve(client, server, &shared);
                }
            }
        });
        Self { folder, state }
    }

    /// Returns the folder of its socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Says what is to happen at the next COMMIT, of whichever connection.
    pub(crate) fn arm(&self, fault: Fault) {
        self.state.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// Says whether what was to happen has begun.
    pub(crate) fn has_struck(&self) -> bool {
        self.state.fault.load(Ordering::SeqCst) == Fault::None as u8
    }

    /// Returns how many commits never reached the server, and of how many that did the answer was lost.
    pub(crate) fn losses(&self) -> (u32, u32) {
        (self.state.lost_commits.load(Ordering::SeqCst), self.state.lost_answers.load(Ordering::SeqCst))
    }
}

/// Passes on what both sides say, on two threads that end with the connection.
fn serve(client: UnixStream, server: UnixStream, state: &Arc<State>) {
    // Set before the server hears of the COMMIT whose answer is to be lost: what it says after that is the answer.
    let swallows = Arc::new(AtomicBool::new(false));
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let (shared, swallowing) = (Arc::clone(state), Arc::clone(&swallows));
    thread::spawn(move || {
        let _ = pass_requests(&mut from_client, &mut to_server, &shared, &swallows);
        cut(&from_client, &to_server);
    });
    let shared = Arc::clone(state);
    thread::spawn(move || {
        let _ = pass_answers(&mut from_server, &mut to_client, &shared, &swallowing);
        cut(&from_server, &to_client);
    });
}

fn cut(one: &UnixStream, other: &UnixStream) {
    let _ = one.shutdown(Shutdown::Both);
    let _ = other.shutdown(Shutdown::Both);
}

/// Passes on message by message, as the protocol frames them; an error ends the connection.
fn pass_requests(
    client: &mut UnixStream,
    server: &mut UnixStream,
    state: &State,
    swallows: &AtomicBool,
) -> io::Result<()> {
    // The first messages, up to the one that begins the session with version 3, have no type.
    loop {
        let (head, body) = message(client, 0)?;
        let begins = body.starts_with(&[0, 3]);
        server.write_all(&[head, body].concat())?;
        if begins {
            break;
        }
    }
    loop {
        let (head, body) = message(client, 1)?;
        if head[0] == b'Q' && body == b"COMMIT\0" {
            let fault = state.fault.swap(Fault::None as u8, Ordering::SeqCst);
            if fault == Fault::BeforeCommit as u8 {
                state.lost_commits.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            swallows.store(fault == Fault::AfterCommit as u8, Ordering::SeqCst);
        }
        server.write_all(&[head, body].concat())?;
    }
}

/// Reads a message: its head, of the type if there is one and the length, and its body.
fn message(stream: &mut UnixStream, type_bytes: usize) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = vec![0; type_bytes + 4];
    stream.read_exact(&mut head)?;
    let length = head[type_bytes..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let mut body = vec![0; length.saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}

fn pass_answers(
    server: &mut UnixStream,
    client: &mut UnixStream,
    state: &State,
    swallows: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = server.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        if swallows.load(Ordering::SeqCst) {
            // The tag of the answer: the server has committed.
            assert!(buffer[..count].windows(7).any(|part| part == b"COMMIT\0"), "no answer to a COMMIT");
            state.lost_answers.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        client.write_all(&buffer[..count])?;
    }
}
