//! What a run may print of its owner's quota of log bytes a day.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use super::inner::{Inner, answered};
use super::log_buffer::size;
use crate::error::Result;
use crate::id::OwnerId;
use crate::model::{LogLine, LogStream};
use crate::quota::{Meter, Taken, next_day};

/// How long a store may take to say what is left: lines that nobody can count are kept.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a quota that is used up is taken to stay so within its day: the operator may raise it.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// Holds the lines of one attempt against its owner's quota. What the platform itself says about the run always passes, and
/// does not count.
#[derive(Debug)]
pub(super) struct LogQuota {
    inner: Arc<Inner>,
    owner: OwnerId,
    /// When to look again, once nothing was left.
    used_up_until: Mutex<Option<DateTime<Utc>>>,
}

/// What the owner's quota gives to lines.
enum Allowance<'a> {
    All,
    /// Some bytes, of a quota of so many.
    Bytes(Taken<'a>, u64),
}

impl LogQuota {
    pub(super) fn new(inner: Arc<Inner>, owner: OwnerId) -> Self {
        Self { inner, owner, used_up_until: Mutex::default() }
    }

    /// Drops the lines after the first `counted` for which nothing is left. Where the first is dropped, one line says so. From
    /// there on nothing that the script prints is kept, until another look finds that all of it fits: on the next day, or once
    /// the operator has raised the quota.
    pub(super) async fn cut(&self, lines: &mut Vec<LogLine>, counted: usize) {
        let counted = counted.min(lines.len());
        let fresh = &lines[counted..];
        let used_up_until = *self.used_up_until.lock();
        let now = self.inner.clock.now();
        if used_up_until.is_some_and(|until| now < until) {
            keep(lines, counted, is_the_platforms);
            return;
        }
        let want: u64 = fresh.iter().filter(|line| !is_the_platforms(line)).map(bytes).sum();
        if want == 0 {
            return;
        }
        // Until here nothing has been changed: who drops this call drops no line.
        let (mut granted, limit) = match answered(PATIENCE, self.allowance(want)).await {
            Ok(Allowance::Bytes(granted, limit)) if granted.count() < want => (granted, limit),
            Ok(all) => {
                all.spend();
                *self.used_up_until.lock() = None;
                return;
            }
            Err(error) => {
                tracing::warn!(owner = %self.owner, error = error.chain(), "log lines could not be counted, and are kept");
                return;
            }
        };
        *self.used_up_until.lock() = Some(next_day(now).min(now + LOOK_AGAIN));
        if used_up_until.is_some() {
            // It still is, and the mark stands.
            keep(lines, counted, is_the_platforms);
            return;
        }
        let mut left = granted.count();
        let mut full_at = None;
        let mut place = counted;
        keep(lines, counted, |line| {
            let fits = is_the_platforms(line) || (full_at.is_none() && bytes(line) <= left);
            if fits && !is_the_platforms(line) {
                left -= bytes(line);
            }
            if fits {
                place += 1;
            } else if full_at.is_none() {
                full_at = Some((place, line.at));
            }
            fits
        });
        granted.spend_some(granted.count() - left);
        // The rest goes back.
        drop(granted);
        if let Some((place, at)) = full_at {
            let text = format!("output truncated: the owner's quota of {limit} log bytes a day is used up");
            lines.insert(place, LogLine { at, stream: LogStream::System, text });
        }
    }

    async fn allowance(&self, want: u64) -> Result<Allowance<'_>> {
        let Inner { store, quotas, clock, .. } = &*self.inner;
        let Some(limit) = quotas.known(&self.inner).await?.of(&self.owner).log_bytes_per_day else {
            return Ok(Allowance::All);
        };
        let place = (&self.owner, Meter::LogBytes);
        Ok(Allowance::Bytes(quotas.ledger().take(&**store, place, limit, want, clock.now()).await?, limit))
    }
}

impl Allowance<'_> {
    fn spend(self) {
        if let Self::Bytes(taken, _) = self {
            taken.spend();
        }
    }
}

/// Keeps the first `counted` lines, and of the others those that `fits` wants.
fn keep(lines: &mut Vec<LogLine>, counted: usize, mut fits: impl FnMut(&LogLine) -> bool) {
    let mut place = 0;
    lines.retain(|line| {
        place += 1;
        place <= counted || fits(line)
    });
}

/// No script can write to this stream.
fn is_the_platforms(line: &LogLine) -> bool {
    line.stream == LogStream::System
}

fn bytes(line: &LogLine) -> u64 {
    size(line) as u64
}
