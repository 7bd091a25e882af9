//! A net under the broker: takes secrets out of what passes through and of what runs leave behind, in the forms in which they
//! usually stand.
//!
//! It is no defence. A script that is given a secret can write it in a form that nobody foresees; a script that is given none
//! cannot. The net is for servers that echo their requests and for logs.

mod forms;
mod secrets;

use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use secrecy::{ExposeSecret as _, SecretString};

pub use secrets::RunSecrets;

use crate::error::{Error, Result};

/// The shortest secret, and form of one, that is looked for. A shorter one would be found where it does not stand.
pub(crate) const SHORTEST: usize = 6;
/// How much of a name stands in the place of a secret, in bytes.
const LONGEST_NAME: usize = 24;
/// The shortest line of a secret of several that is looked for by itself.
const SHORTEST_LINE: usize = 16;

/// Replaces secrets by `[redacted NAME]`: as they are, and in base64, percent-encoded, JSON-escaped, as Python's `repr` and in
/// hex.
///
/// Secrets shorter than six bytes are not looked for. Of one that has several lines each line of sixteen bytes or more is. Base64 is found in the alphabets of RFC 4648, with and without padding,
/// and within the base64 of a longer text; then the characters at its two ends, which hold at most four bits of the secret
/// each, may stay. Base64 that is broken into lines is not found.
///
/// The patterns are copies of the secrets, which are not wiped when the redactor is dropped.
///
/// ```
/// # fn main() -> wren_core::Result<()> {
/// use wren_core::redact::Redactor;
///
/// let redactor = Redactor::new([("slack", &"xoxb-12345".into())])?;
/// let mut stream = redactor.stream();
/// let mut seen = stream.push(b"token: xoxb-");
/// seen.extend(stream.push(b"12345, again: eG94Yi0xMjM0NQ=="));
/// seen.extend(stream.finish());
/// assert_eq!(seen, b"token: [redacted slack], again: [redacted slack]");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redactor {
    patterns: Arc<Patterns>,
}

struct Patterns {
    /// Absent when there is nothing to look for.
    automaton: Option<AhoCorasick>,
    /// What stands in the place of each pattern.
    labels: Vec<Arc<str>>,
    /// In order, so that one that begins with some bytes is found by halving.
    sorted: Vec<Vec<u8>>,
    longest: usize,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redactor").field("patterns", &self.patterns.labels.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Makes a redactor of secrets and their names. Of two names for the same secret the first counts.
    ///
    /// # Errors
    /// `INTERNAL` when there are so many secrets that no search for them can be built.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Result<Self> {
        let mut patterns = Vec::new();
        let mut labels = Vec::new();
        for (name, secret) in secrets {
            let secret = secret.expose_secret();
            if secret.len() < SHORTEST {
                continue;
            }
            // What stands for a secret is not many times as long.
            let label: Arc<str> = format!("[redacted {}]", &name[..name.floor_char_boundary(LONGEST_NAME)]).into();
            // A secret of several lines, a private key say, is printed and logged as lines.
            let lines = secret.lines().filter(|line| *line != secret && line.len() >= SHORTEST_LINE);
            let forms = forms::all(secret).into_iter().chain(lines.flat_map(forms::all));
            for form in forms.filter(|form| form.len() >= SHORTEST) {
                patterns.push(form);
                labels.push(Arc::clone(&label));
            }
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        let automaton = match patterns.as_slice() {
            [] => None,
            patterns => {
                let built = AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostLongest)
                    // Built in a moment and small: a redactor often lives for one answer.
                    .kind(Some(AhoCorasickKind::ContiguousNFA))
                    .build(patterns);
                Some(built.map_err(|error| Error::internal("building the search for secrets", error))?)
            }
        };
        patterns.sort_unstable();
        Ok(Self { patterns: Arc::new(Patterns { automaton, labels, sorted: patterns, longest }) })
    }

    /// Says whether it looks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.automaton.is_none()
    }

    /// Begins a stream.
    #[must_use]
    pub fn stream(&self) -> RedactedStream {
        RedactedStream { patterns: Arc::clone(&self.patterns), held: Vec::new() }
    }

    /// Redacts bytes that are there as a whole.
    #[must_use]
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.stream();
        let mut seen = stream.push(bytes);
        seen.extend(stream.finish());
        seen
    }

    /// Redacts a text.
    #[must_use]
    pub fn redact_text(&self, text: &str) -> String {
        // What is replaced begins and ends between characters, so nothing is lossy here.
        String::from_utf8_lossy(&self.redact(text.as_bytes())).into_owned()
    }
}

impl Patterns {
    /// Returns where the longest end of `bytes` begins that is the beginning of a pattern, and not all of it.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let first = (bytes.len() + 1).saturating_sub(self.longest.max(1));
        let begins_one = |end: &[u8]| {
            let after = self.sorted.partition_point(|pattern| pattern.as_slice() <= end);
            self.sorted.get(after).is_some_and(|pattern| pattern.starts_with(end))
        };
        (first..bytes.len()).find(|at| begins_one(&bytes[*at..])).unwrap_or(bytes.len())
    }
}

/// One stream through a [`Redactor`]. How it is cut into chunks makes no difference to what comes out in all.
pub struct RedactedStream {
    patterns: Arc<Patterns>,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
}

impl fmt::Debug for RedactedStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedactedStream").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl RedactedStream {
    /// Takes the next bytes and returns what is safe to show by now. An end that may be the beginning of a secret is held back.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        // At every place before it the longest pattern that begins there is known.
        let open = self.patterns.open_end(&self.held);
        self.take(open)
    }

    /// Returns what was held back. The stream may be used on for what has nothing to do with what was before.
    pub fn finish(&mut self) -> Vec<u8> {
        self.take(self.held.len())
    }

    /// Takes what begins in the first `decided` bytes.
    fn take(&mut self, decided: usize) -> Vec<u8> {
        let mut seen = Vec::with_capacity(decided);
        let mut at = 0;
        while at < decided {
            let rest = Input::new(&self.held).range(at..);
            let found = self.patterns.automaton.as_ref().and_then(|automaton| automaton.find(rest));
            match found.filter(|found| found.start() < decided) {
                Some(found) => {
                    seen.extend_from_slice(&self.held[at..found.start()]);
                    seen.extend_from_slice(self.patterns.labels[found.pattern().as_usize()].as_bytes());
                    at = found.end();
                }
                None => {
                    seen.extend_from_slice(&self.held[at..decided]);
                    at = decided;
                }
            }
        }
        self.held.drain(..at);
        seen
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
