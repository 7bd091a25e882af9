//! What a command waits for, said on the standard error while it waits: to people at a terminal only.

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use super::{Output, write_stderr};

/// Goes back to the line's beginning and clears the line.
const CLEAR: &str = "\r\u{1b}[K";
/// How often a line is written anew at most; what copies reports far more often.
const PAUSE: Duration = Duration::from_millis(100);
/// How often somebody who waits hears how long they have waited. What is done sooner says nothing.
const TICK: Duration = Duration::from_secs(1);

/// One line that is written over and over, and gone when the value is.
#[derive(Debug)]
pub(crate) struct Progress {
    is_on: bool,
    shown: Option<Instant>,
}

impl Progress {
    /// Begins with nothing. Whoever asked for JSON, or has the standard error in a file, gets nothing ever.
    pub(crate) fn new(output: Output) -> Self {
        Self { is_on: !output.is_json() && io::stderr().is_terminal(), shown: None }
    }

    /// Shows how far things are.
    pub(crate) fn show(&mut self, text: impl Display) {
        if self.is_on && self.shown.is_none_or(|at| at.elapsed() >= PAUSE) {
            write_stderr(&format!("{CLEAR}{text}"));
            self.shown = Some(Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            write_stderr(CLEAR);
        }
    }
}

/// Does something and, while it takes its time, says what, and for how long.
pub(crate) async fn waiting<T>(output: Output, what: &str, work: impl Future<Output = T>) -> T {
    let mut progress = Progress::new(output);
    if !progress.is_on {
        return work.await;
    }
    let begun = Instant::now();
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + TICK, TICK);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => progress.show(format_args!("{what} … {} s", begun.elapsed().as_secs())),
        }
    }
}
