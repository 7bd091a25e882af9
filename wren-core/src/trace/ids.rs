//! The ids of traces and spans.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::{CorrelationId, DeploymentId, RunId};

/// A trace: 16 bytes, not all zero, shown as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span within a trace: 8 bytes, not all zero, shown as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// A span and the trace it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
}

impl TraceId {
    /// Makes a new one.
    #[must_use]
    pub fn random() -> Self {
        Self(never_zero(rand::random()))
    }

    /// Returns the trace of what a correlation id follows: the id itself where it is a trace's, the UUID in it where the
    /// platform made it, a digest of it otherwise.
    #[must_use]
    pub fn of_correlation(id: &CorrelationId) -> Self {
        let text = id.as_str();
        if let Some(bytes) = from_hex(text) {
            return Self(bytes);
        }
        id.uuid().map_or_else(|| Self(digest(&["correlation", text])), |uuid| Self(never_zero(*uuid.as_bytes())))
    }

    /// Returns the trace that a deploy begins.
    #[must_use]
    pub fn of_revision(id: DeploymentId, number: u32) -> Self {
        Self(digest(&["revision", &id.to_string(), &number.to_string()]))
    }

    /// Returns the bytes, most significant first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// Makes a new one.
    #[must_use]
    pub fn random() -> Self {
        Self(never_zero(rand::random()))
    }

    /// Returns the span of a deploy.
    #[must_use]
    pub fn of_deploy(id: DeploymentId, number: u32) -> Self {
        Self(digest(&["deploy", &id.to_string(), &number.to_string()]))
    }

    /// Returns the span in which a run was recorded.
    #[must_use]
    pub fn of_fire(run: RunId) -> Self {
        Self(digest(&["fire", &run.to_string()]))
    }

    /// Returns the span of an attempt at a run. `epoch` tells attempts apart whose worker was lost.
    #[must_use]
    pub fn of_attempt(run: RunId, epoch: u64) -> Self {
        Self(digest(&["attempt", &run.to_string(), &epoch.to_string()]))
    }

    /// Returns the bytes, most significant first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl SpanContext {
    /// Reads a `traceparent` header of any version but `ff`, as section 3.2.2 of the recommendation says; `None` for what is
    /// none, which is to be passed over.
    #[must_use]
    pub fn parse_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = from_hex_any::<1>(version)?;
        from_hex_any::<1>(flags)?;
        // Later versions may have more after it.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        Some(Self { trace: TraceId(from_hex(trace)?), span: SpanId(from_hex(span)?) })
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The first bytes of the SHA-256 of texts, none of which can run into the next.
fn digest<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hash.finalize()[..N]);
    never_zero(bytes)
}

/// All zeroes are no id, says the recommendation.
fn never_zero<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if bytes.iter().all(|byte| *byte == 0) {
        bytes[N - 1] = 1;
    }
    bytes
}

/// Reads lower-case hexadecimal digits that are not all zeroes.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    from_hex_any(text).filter(|bytes: &[u8; N]| bytes.iter().any(|byte| *byte != 0))
}

fn from_hex_any<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the recommendation, section 3.2.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_recommendations_example_is_read() {
        let context = SpanContext::parse_traceparent(EXAMPLE).unwrap();
        assert_eq!(context.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span.to_string(), "00f067aa0ba902b7");
        let later = EXAMPLE.replacen("00", "cc", 1) + "-what-will-be-the-future-of-this";
        assert_eq!(SpanContext::parse_traceparent(&later), Some(context));
    }

    #[test]
    fn what_is_no_traceparent_is_passed_over() {
        for wrong in [
            "",
            "00",
            &EXAMPLE.to_uppercase(),
            &EXAMPLE.replacen("00", "ff", 1),
            &EXAMPLE.replace('-', "_"),
            &format!("{EXAMPLE}-more"),
            &EXAMPLE[..EXAMPLE.len() - 1],
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(SpanContext::parse_traceparent(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_correlation_id_is_always_of_the_same_trace() {
        let trace = |text: &str| TraceId::of_correlation(&CorrelationId::new(text).unwrap()).to_string();
        assert_eq!(trace("4bf92f3577b34da6a3ce929d0e0e4736"), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace("corr_01h455vb4pex5vsknk084sn02q"), "01890a5dac96774bbcceb302099a8057");
        assert_eq!(trace("invoice:7"), trace("invoice:7"));
        assert_ne!(trace("invoice:7"), trace("invoice:8"));
        for none in ["0".repeat(32), format!("corr_{}", "0".repeat(26))] {
            assert_ne!(trace(&none), "0".repeat(32));
        }
    }

    #[test]
    fn spans_of_one_run_differ() {
        let run = RunId::new();
        assert_ne!(SpanId::of_fire(run), SpanId::of_attempt(run, 1));
        assert_ne!(SpanId::of_attempt(run, 1), SpanId::of_attempt(run, 2));
        assert_eq!(SpanId::of_fire(run), SpanId::of_fire(run));
    }
}
