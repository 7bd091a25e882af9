//! Gmail's REST API, version 1: <https://developers.google.com/workspace/gmail/api/reference/rest>.

mod answers;
mod message;
mod state;

use std::sync::Arc;

use parking_lot::Mutex;

use super::http::{Reply, Request, Server};
use state::State;

/// Whose mailbox it is.
const ADDRESS: &str = "me@example.com";

/// A mailbox, that of `me@example.com`.
///
/// It takes mail ([`Gmail::deliver`]), sorts it into conversations, gives it out part by part, and keeps what is sent and which
/// labels things have.
#[derive(Debug)]
pub struct Gmail {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// An email that was sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SentMail {
    /// The id that it got.
    pub id: String,
    /// The conversation that it got into.
    pub thread_id: String,
    /// The email, as it was handed in.
    pub raw: Vec<u8>,
}

impl Gmail {
    /// Starts an empty mailbox that one token opens.
    #[must_use]
    pub fn start(token: &str) -> Self {
        let state = Arc::new(Mutex::new(State::new()));
        let (kept, token) = (Arc::clone(&state), token.to_owned());
        let server = Server::start(move |request| {
            if request.bears(&token) { answers::answer(&mut kept.lock(), request) } else { answers::unauthenticated() }
        });
        Self { server, state }
    }

    /// Returns where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Puts an email, as RFC 5322 writes it, into the inbox, unread. Returns its id.
    pub fn deliver(&self, raw: &str) -> String {
        self.deliver_bytes(raw.as_bytes())
    }

    /// Puts an email that is not UTF-8 into the inbox, unread. Returns its id.
    pub fn deliver_bytes(&self, raw: &[u8]) -> String {
        self.state.lock().deliver(raw).to_owned()
    }

    /// Makes a label of the user's. Returns its id.
    pub fn make_label(&self, name: &str) -> String {
        self.state.lock().make_label(name).to_owned()
    }

    /// Puts fewer messages on a page than it is asked for.
    pub fn limit_pages(&self, messages: usize) {
        self.state.lock().page = messages;
    }

    /// Returns the conversation of a message.
    #[must_use]
    pub fn thread_of(&self, id: &str) -> String {
        self.state.lock().find(id).unwrap().thread.clone()
    }

    /// Returns the names of a message's labels.
    #[must_use]
    pub fn labels_of(&self, id: &str) -> Vec<String> {
        let state = self.state.lock();
        let labels = &state.find(id).unwrap().labels;
        labels.iter().map(|label| state.label_name(label).to_owned()).collect()
    }

    /// Returns the names of the labels that the user has made.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.state.lock().labels.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Returns what was sent, the first first.
    #[must_use]
    pub fn sent(&self) -> Vec<SentMail> {
        self.state.lock().sent.clone()
    }

    /// Returns the requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// Answers the next request with a fault; several stand in a queue.
    pub fn fail_next(&self, status: u16, body: &str) {
        self.answer_next(Reply::new(status, body));
    }

    /// Answers the next request so; several stand in a queue.
    pub fn answer_next(&self, reply: Reply) {
        self.server.answer_next(reply);
    }

    /// Answers the next request for a path so.
    pub fn answer_next_of(&self, path: &str, reply: Reply) {
        self.server.answer_next_of(path, reply);
    }
}
