//! A run as a stream of events, after the section "Server-sent events" of the HTML standard.
//!
//! A stream is pulled by its connection: nothing is read while the client takes nothing, and what is kept for it meanwhile is
//! at most two pages of lines, one of them shared with the others who follow the run.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use secrecy::SecretString;
use serde::Serialize;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use wren_core::engine::{NewLines, RunFollower, RunNews};
use wren_core::{Error, ErrorClass, ErrorCode, WireError, WireErrorBody};

use crate::api::Api;
use crate::auth::{self, Scope};
use crate::error::{ApiError, ApiResult, invalid};
use crate::streams::Place;
use crate::views::RunSummary;

/// How long nothing may come: proxies close what is silent for a minute, and so do browsers' networks.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the store may take over a look at the key.
const PATIENCE: Duration = Duration::from_secs(5);
/// From this many bytes on, lines wait for the next piece; one line may be larger.
const PIECE: usize = 64 * 1024;
/// What the id of the event `end` has behind the number of the last line.
const END: &str = ".end";
/// The header in which an `EventSource` says what it has heard.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What the caller has heard before, as it says in `Last-Event-ID`.
#[derive(Debug)]
pub(crate) struct LastEvent(Option<String>);

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) after: u64,
    pub(super) heard_end: bool,
}

impl<S: Sync> FromRequestParts<S> for LastEvent {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let mut values = parts.headers.get_all(LAST_EVENT_ID).iter();
        let value = values.next().map(|value| value.to_str().unwrap_or("\u{fffd}").to_owned());
        match values.next() {
            None => Ok(Self(value)),
            Some(_) => Err(refused().into()),
        }
    }
}

impl LastEvent {
    /// Joins it with `after` of the query, which an `EventSource` that comes back still has: what it heard since wins.
    pub(super) fn subscription(&self, after: Option<u64>) -> Result<Subscription, Error> {
        let after = after.unwrap_or(0);
        let Some(id) = self.0.as_deref().filter(|id| !id.is_empty()) else {
            return Ok(Subscription { after, heard_end: false });
        };
        let (number, heard_end) = id.strip_suffix(END).map_or((id, false), |number| (number, true));
        let heard = number.parse::<u64>().ok().filter(|&seq| i64::try_from(seq).is_ok()).ok_or_else(refused)?;
        Ok(Subscription { after: heard.max(after), heard_end })
    }
}

fn refused() -> Error {
    invalid("the `Last-Event-ID` header is not of this stream", "send the `id` of the last event, or leave it out")
}

/// Somebody who follows a run.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) follower: RunFollower,
    /// Where it begins.
    pub(super) after: u64,
    /// Free again when the stream ends, or the client is gone.
    pub(super) _place: Place,
    pub(super) closing: CancellationToken,
    pub(super) api: Api,
    pub(super) token: SecretString,
}

impl Following {
    pub(super) fn into_body(self) -> Body {
        let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let state = Stream { last: self.after, following: self, beat, lines: None, is_over: false };
        Body::from_stream(futures::stream::unfold(state, async |mut state| {
            let piece = state.next().await?;
            Some((Ok::<_, std::convert::Infallible>(piece), state))
        }))
    }
}

/// A stream of events on its way.
#[derive(Debug)]
struct Stream {
    following: Following,
    beat: Interval,
    /// Lines of which those before the place are written.
    lines: Option<(NewLines, usize)>,
    /// The number of the last line written.
    last: u64,
    is_over: bool,
}

impl Stream {
    /// Waits for the next piece of the body.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over || self.following.closing.is_cancelled() {
            return None;
        }
        if let Some(piece) = self.written() {
            return Some(piece);
        }
        let following = &mut self.following;
        let news = tokio::select! {
            biased;
            () = following.closing.cancelled() => return None,
            _ = self.beat.tick() => return Some(self.heartbeat().await),
            news = following.follower.next() => news,
        };
        Some(match news {
            Ok(Some(RunNews::Lines(lines))) => {
                self.lines = Some((lines, 0));
                self.written().unwrap_or_default()
            }
            Ok(Some(RunNews::Changed(run))) => event("status", None, &RunSummary::from(&*run)),
            Ok(Some(RunNews::Ended(run))) => {
                self.is_over = true;
                event("end", Some(format!("{}{END}", self.last)), &RunSummary::from(&*run))
            }
            Ok(_) => return None,
            Err(error) => self.failure(&error),
        })
    }

    /// Writes the next lines at hand.
    fn written(&mut self) -> Option<Bytes> {
        let (lines, from) = self.lines.take()?;
        let mut text = String::new();
        let mut to = from;
        for line in &lines[from..] {
            write_event(&mut text, "log", Some(line.seq), line);
            self.last = line.seq;
            to += 1;
            if text.len() >= PIECE {
                break;
            }
        }
        if to < lines.len() {
            self.lines = Some((lines, to));
        }
        (!text.is_empty()).then(|| text.into())
    }

    /// Asks whether the key is still good, since a stream can outlive it, and returns the comment that keeps the stream alive.
    async fn heartbeat(&mut self) -> Bytes {
        let asked = auth::caller(&self.following.api, &self.following.token, Scope::Read, None);
        match timeout(PATIENCE, asked).await {
            Ok(Err(error)) if matches!(error.code(), ErrorCode::InvalidApiKey | ErrorCode::PermissionDenied) => {
                self.failure(&error)
            }
            // A store that cannot be reached, or not in time, says nothing about the key.
            _ => Bytes::from_static(b": still there\n\n"),
        }
    }

    fn failure(&mut self, error: &Error) -> Bytes {
        self.is_over = true;
        if error.class() == ErrorClass::InternalError {
            tracing::error!(code = %error.code(), cause = %error.chain(), "a stream of events failed");
        }
        event("failure", None, &WireErrorBody { error: WireError::from(error) })
    }
}

fn event(name: &str, id: Option<String>, data: &impl Serialize) -> Bytes {
    let mut text = String::new();
    write_event(&mut text, name, id, data);
    text.into()
}

/// Appends an event. JSON has no line breaks, so that its data is one line.
fn write_event(text: &mut String, name: &str, id: Option<impl std::fmt::Display>, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    // Writing to a text does not fail.
    let _ = match id {
        Some(id) => write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n"),
        None => write!(text, "event: {name}\ndata: {data}\n\n"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(id: Option<&str>, after: Option<u64>) -> Option<(u64, bool)> {
        let found = LastEvent(id.map(str::to_owned)).subscription(after).ok()?;
        Some((found.after, found.heard_end))
    }

    #[test]
    fn a_stream_goes_on_after_what_was_heard_last() {
        assert_eq!(begins(None, None), Some((0, false)));
        assert_eq!(begins(None, Some(7)), Some((7, false)));
        assert_eq!(begins(Some("9"), Some(7)), Some((9, false)));
        assert_eq!(begins(Some("9"), Some(12)), Some((12, false)));
        assert_eq!(begins(Some("9.end"), None), Some((9, true)));
        assert_eq!(begins(Some(""), Some(7)), Some((7, false)));
        for wrong in ["x", "-1", "9.ended", ".end", "18446744073709551615", "\u{fffd}"] {
            assert_eq!(begins(Some(wrong), None), None, "{wrong}");
        }
    }

    #[test]
    fn data_is_one_line_whatever_it_holds() {
        let text = event("log", Some("1".to_owned()), &"a\nb\rc\u{2028}");
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text, "id: 1\nevent: log\ndata: \"a\\nb\\rc\u{2028}\"\n\n");
    }
}
