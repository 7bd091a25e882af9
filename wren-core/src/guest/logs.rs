//! Turns what a guest prints into log lines under the run's caps.
//!
//! Text is kept as the script wrote it but for two repairs: bytes that are not UTF-8 become U+FFFD, and NUL becomes the visible
//! U+2400, since stores and terminals cut text at a NUL. Escape sequences stay: who displays a line neutralises them.

use crate::executor::Limits;
use crate::model::{LogLine, LogStream};
use chrono::{DateTime, Utc};

/// Where a piece of output came from. Each source has its own unfinished line, so that two of them never mix within a line.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// `sys.stdout`, as the SDK installed it.
    FramedStdout,
    /// `sys.stderr`, as the SDK installed it.
    FramedStderr,
    /// Descriptor 1.
    RawStdout,
    /// Descriptor 2.
    RawStderr,
}

impl Source {
    const ALL: [Self; 4] = [Self::FramedStdout, Self::FramedStderr, Self::RawStdout, Self::RawStderr];

    const fn stream(self) -> LogStream {
        match self {
            Self::FramedStdout | Self::RawStdout => LogStream::Stdout,
            Self::FramedStderr | Self::RawStderr => LogStream::Stderr,
        }
    }
}

/// What a line costs besides its text, in bytes: about what a store keeps with it. Lines without text must reach the cap, too.
const LINE_COST: usize = 64;

#[derive(Debug, Default)]
struct Unfinished {
    bytes: Vec<u8>,
    cut: bool,
}

/// Collects output into lines.
#[derive(Debug)]
pub struct LogCollector {
    line_bytes: usize,
    log_bytes: usize,
    used: usize,
    full: bool,
    unfinished: [Unfinished; 4],
}

impl LogCollector {
    /// Makes a collector that keeps to the limits' `log_bytes` and `line_bytes`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            line_bytes: limits.line_bytes,
            log_bytes: limits.log_bytes,
            used: 0,
            full: false,
            unfinished: Default::default(),
        }
    }

    /// Takes a piece of output and returns the lines that it finished.
    pub fn push(&mut self, source: Source, mut data: &[u8], at: DateTime<Utc>) -> Vec<LogLine> {
        let mut lines = Vec::new();
        while !self.full && !data.is_empty() {
            let end = memchr::memchr(b'\n', data);
            self.grow(source, &data[..end.unwrap_or(data.len())]);
            let Some(end) = end else { break };
            self.finish_line(source, at, &mut lines);
            data = &data[end + 1..];
        }
        lines
    }

    /// Says that the cap was reached, so that whatever follows is dropped.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Returns the lines that no line break ended.
    pub fn finish(&mut self, at: DateTime<Utc>) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for source in Source::ALL {
            if !self.unfinished[source as usize].bytes.is_empty() {
                self.finish_line(source, at, &mut lines);
            }
        }
        lines
    }

    fn grow(&mut self, source: Source, data: &[u8]) {
        let line = &mut self.unfinished[source as usize];
        // One byte over the cap is kept to tell a line that just fits, with its carriage return, from one that does not.
        let room = (self.line_bytes + 1).saturating_sub(line.bytes.len());
        line.bytes.extend_from_slice(&data[..data.len().min(room)]);
        line.cut |= data.len() > room;
    }

    fn finish_line(&mut self, source: Source, at: DateTime<Utc>, lines: &mut Vec<LogLine>) {
        let Unfinished { mut bytes, cut } = std::mem::take(&mut self.unfinished[source as usize]);
        if self.full {
            return;
        }
        if !cut && bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let mut text = readable(&bytes);
        if cut || text.len() > self.line_bytes {
            let mark = format!(" … [line cut at {} bytes]", self.line_bytes);
            cut_at(&mut text, self.line_bytes.saturating_sub(mark.len()));
            text.push_str(&mark);
        }
        let cost = text.len() + LINE_COST;
        if self.used + cost > self.log_bytes {
            self.full = true;
            cut_at(&mut text, self.log_bytes.saturating_sub(self.used + LINE_COST));
        }
        self.used += cost;
        if !self.full || !text.is_empty() {
            lines.push(LogLine { at, stream: source.stream(), text });
        }
        if self.full {
            let text = format!("output truncated at {} bytes", self.log_bytes);
            lines.push(LogLine { at, stream: LogStream::System, text });
        }
    }
}

fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') { text.replace('\0', "\u{2400}") } else { text.into_owned() }
}

fn cut_at(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(line_bytes: usize, log_bytes: usize) -> LogCollector {
        LogCollector::new(&Limits { line_bytes, log_bytes, ..Limits::default() })
    }

    fn texts(lines: Vec<LogLine>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_split_and_repaired() {
        let mut collector = collector(100, 1000);
        let lines = collector.push(Source::RawStdout, b"a\r\n\nb\0\xff\nrest", Utc::now());
        assert_eq!(texts(lines), ["a", "", "b\u{2400}\u{fffd}"]);
        assert_eq!(texts(collector.finish(Utc::now())), ["rest"]);
    }

    #[test]
    fn sources_never_mix_within_a_line() {
        let mut collector = collector(100, 1000);
        assert!(collector.push(Source::FramedStdout, b"one", Utc::now()).is_empty());
        assert_eq!(texts(collector.push(Source::RawStdout, b"two\n", Utc::now())), ["two"]);
        assert_eq!(texts(collector.push(Source::FramedStdout, b" more\n", Utc::now())), ["one more"]);
    }

    #[test]
    fn a_long_line_is_cut_within_its_cap_and_marked() {
        let mut collector = collector(64, 1000);
        for _ in 0..100 {
            assert!(collector.push(Source::RawStdout, "ü".repeat(10).as_bytes(), Utc::now()).is_empty());
        }
        let lines = texts(collector.push(Source::RawStdout, b"\nnext\n", Utc::now()));
        assert!(lines[0].len() <= 64 && lines[0].ends_with("… [line cut at 64 bytes]"), "{lines:?}");
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn a_line_that_just_fits_is_whole() {
        let mut collector = collector(8, 1000);
        assert_eq!(texts(collector.push(Source::RawStdout, b"12345678\r\n", Utc::now())), ["12345678"]);
    }

    #[test]
    fn after_the_cap_one_mark_and_then_nothing() {
        let mut collector = collector(100, 10 + 2 * LINE_COST);
        let lines = collector.push(Source::RawStdout, b"12345\n6789abc\nmore\n", Utc::now());
        assert_eq!(texts(lines), ["12345", "6789a", "output truncated at 138 bytes"]);
        assert!(collector.push(Source::RawStderr, b"more\n", Utc::now()).is_empty());
        assert!(collector.finish(Utc::now()).is_empty());
    }

    #[test]
    fn a_million_empty_lines_reach_the_cap() {
        let mut collector = collector(100, 100 * LINE_COST);
        let lines: usize = (0..16).map(|_| collector.push(Source::RawStdout, &[b'\n'; 65_536], Utc::now()).len()).sum();
        assert_eq!(lines, 101);
        assert!(collector.is_full());
    }
}
