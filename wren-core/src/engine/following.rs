//! Following one run: its lines and its changes of state, each once and in order, for any number of followers.

use std::ops::{Deref, Range};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Engine;
use super::inner::{Inner, PATIENCE, answered};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{OwnerId, RunId};
use crate::model::{LogEntry, Run, RunState};

/// How many lines are read at once, and how many of the latest ones the followers of a run share.
const PAGE: usize = 200;
/// How long nothing is read of a run that another process may change: nobody here is told of it.
const POLL: Duration = Duration::from_secs(1);
/// How long nothing is read of a run whose changes are told: this engine has it, or the store is its own.
const POLL_TOLD: Duration = Duration::from_secs(5);

/// What the followers of a run share: one of them reads, the others take what it found.
#[derive(Debug)]
pub(super) struct Followed {
    owner: OwnerId,
    id: RunId,
    changes: watch::Sender<Changes>,
    // Held across the read, so that one follower reads for all.
    seen: tokio::sync::Mutex<Seen>,
}

/// How often a run has changed, as far as this process was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changes {
    states: u64,
    lines: u64,
}

/// The latest look at a run.
#[derive(Debug)]
struct Seen {
    /// How often the run had changed before.
    changes: Changes,
    /// When it was looked at, with success or without.
    at: Instant,
    /// When its state was read: lines alone need no look at it.
    state_at: Option<Instant>,
    failed: bool,
    look: Arc<Look>,
}

/// A run as it was, and its latest lines.
#[derive(Debug)]
struct Look {
    /// Without payload and result, which may be large.
    run: Arc<Run>,
    /// The lines follow on the one of this number.
    after: u64,
    lines: Arc<[LogEntry]>,
    /// There may be more lines than these.
    more: bool,
}

impl Look {
    /// Begins with a run whose lines have not been read yet.
    fn before(run: &Arc<Run>, after: u64) -> Self {
        Self { run: Arc::clone(run), after, lines: Arc::new([]), more: true }
    }

    fn last(&self) -> u64 {
        self.lines.last().map_or(self.after, |line| line.seq)
    }
}

impl Followed {
    pub(super) fn new(run: &Arc<Run>, after: u64) -> Self {
        let seen = Seen {
            changes: Changes::default(),
            at: Instant::now(),
            state_at: None,
            failed: false,
            look: Arc::new(Look::before(run, after)),
        };
        Self {
            owner: run.owner.clone(),
            id: run.id,
            changes: watch::Sender::new(Changes::default()),
            seen: tokio::sync::Mutex::new(seen),
        }
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|changes| changes.states += 1);
    }

    pub(super) fn printed(&self) {
        self.changes.send_modify(|changes| changes.lines += 1);
    }

    /// Returns the latest look, or a new one: when the run has changed since, when that was long ago, or when there are
    /// more lines than the follower has, which has come to the end of `known`. Says also when it is time for the next.
    async fn look(&self, inner: &Inner, known: &Arc<Look>, poll: Duration) -> (Result<Arc<Look>>, Instant) {
        let mut seen = self.seen.lock().await;
        let changes = *self.changes.borrow();
        let wants_more = seen.look.more && Arc::ptr_eq(&seen.look, known);
        // A store that is away is not asked by each follower in turn.
        let next = seen.at + if seen.failed { POLL } else { poll };
        if Instant::now() < next && (seen.failed || (changes == seen.changes && !wants_more)) {
            return (Ok(Arc::clone(&seen.look)), next);
        }
        let is_state_known =
            changes.states == seen.changes.states && seen.state_at.is_some_and(|at| at.elapsed() < poll);
        let found = self.read(inner, &seen.look, is_state_known).await;
        seen.at = Instant::now();
        seen.failed = found.is_err();
        if let Ok(look) = &found {
            seen.look = Arc::clone(look);
            seen.changes = changes;
            if !is_state_known {
                seen.state_at = Some(seen.at);
            }
        }
        (found, seen.at + if seen.failed { POLL } else { poll })
    }

    async fn read(&self, inner: &Inner, before: &Look, is_state_known: bool) -> Result<Arc<Look>> {
        answered(PATIENCE, async {
            // The run comes before its lines: after a state that is final there is no line that this does not find.
            let run = match is_state_known {
                true => Arc::clone(&before.run),
                false => Arc::new(light(inner.store.run(&self.owner, self.id).await?.0)),
            };
            let new = inner.store.logs(&self.owner, self.id, before.last(), PAGE).await?;
            let more = new.len() >= PAGE;
            // As many of the lines before as there is room for: most followers are only a little behind.
            let kept = before.lines.len().min(PAGE.saturating_sub(new.len()));
            let (dropped, kept) = before.lines.split_at(before.lines.len() - kept);
            let after = dropped.last().map_or(before.after, |line| line.seq);
            let lines = kept.iter().cloned().chain(new).collect();
            Ok(Arc::new(Look { run, after, lines, more }))
        })
        .await
    }
}

fn light(run: Run) -> Run {
    Run { payload: None, result: None, ..run }
}

/// What is new about a run. Its runs have neither payload nor result: those who want them read the run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RunNews {
    /// The run is in a state that is not final: the one it is in at the beginning, and each that is seen after it. States
    /// that it passes through quickly may not be seen. What an attempt printed comes before word of a later one.
    Changed(Arc<Run>),
    /// It printed.
    Lines(NewLines),
    /// It has ended, and all that it printed was told. Nothing comes after this.
    Ended(Arc<Run>),
}

/// Lines of a run, in order: at least one. They are shared between those who follow it.
#[derive(Debug, Clone)]
pub struct NewLines {
    page: Arc<[LogEntry]>,
    range: Range<usize>,
}

impl Deref for NewLines {
    type Target = [LogEntry];

    fn deref(&self) -> &[LogEntry] {
        self.page.get(self.range.clone()).unwrap_or_default()
    }
}

/// Follows a run. It is awake only while [`next`](Self::next) is polled, and keeps two pages of lines at most, one of them shared
/// with the others who follow the run.
#[derive(Debug)]
pub struct RunFollower {
    inner: Arc<Inner>,
    followed: Arc<Followed>,
    changes: watch::Receiver<Changes>,
    /// The number of the last line told.
    after: u64,
    look: Arc<Look>,
    /// Lines before those of the look, read for this follower alone.
    behind: Option<Arc<[LogEntry]>>,
    /// The latest state told.
    told: Option<(RunState, u32)>,
    ended: bool,
}

impl Engine {
    /// Begins to follow a run after the line of the number `after`: 0 is before the first.
    ///
    /// Any number may follow one run: the store is read once for all of them, when this engine has word that something
    /// changed, and now and then for what other engines do.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn follow(&self, owner: &OwnerId, id: RunId, after: u64) -> Result<RunFollower> {
        let run = Arc::new(light(self.inner.store.run(owner, id).await?.0));
        // The others who follow the run read on from where the first one begins, so that has to be among its lines.
        let begins = match after {
            0 => 0,
            _ if self.inner.store.logs(owner, id, after - 1, 1).await?.is_empty() => 0,
            _ => after,
        };
        let followed = self.inner.run_changes.follow(&run, begins);
        let changes = followed.changes.subscribe();
        let look = Arc::new(Look::before(&run, begins));
        let inner = Arc::clone(&self.inner);
        Ok(RunFollower { inner, followed, changes, after, look, behind: None, told: None, ended: false })
    }

    /// Returns how many runs somebody follows.
    #[must_use]
    pub fn followed_runs(&self) -> usize {
        self.inner.run_changes.followed_runs()
    }
}

impl Drop for RunFollower {
    fn drop(&mut self) {
        self.inner.run_changes.leave(self.followed.id);
    }
}

impl RunFollower {
    /// Waits until there is news and returns it; `None` after [`RunNews::Ended`]. No line is left out or told twice, also when
    /// a call is dropped before it returns. A store that cannot be reached is waited for.
    ///
    /// # Errors
    /// `NOT_FOUND` when the run was deleted meanwhile, and what else would not pass by waiting.
    pub async fn next(&mut self) -> Result<Option<RunNews>> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if let Some(news) = self.at_hand() {
                return Ok(Some(news));
            }
            // Lines at hand that cannot be told yet wait for word of their attempt.
            if self.after < self.look.after && self.behind.is_none() {
                self.catch_up().await?;
                continue;
            }
            // Marked as heard before the look, so that what happens meanwhile is heard again.
            self.changes.mark_unchanged();
            let poll = self.poll();
            let (found, next_look) = self.followed.look(&self.inner, &self.look, poll).await;
            match found {
                Ok(look) if Arc::ptr_eq(&look, &self.look) => self.wait(next_look).await,
                Ok(look) => self.look = look,
                Err(error) => {
                    self.judge(error)?;
                    tokio::time::sleep_until(next_look).await;
                }
            }
        }
    }

    /// Takes the next piece of news out of what has been read.
    fn at_hand(&mut self) -> Option<RunNews> {
        let (state, attempt) = (self.look.run.state, self.look.run.attempt);
        let is_told = self.told == Some((state, attempt));
        let page = match &self.behind {
            Some(page) => page,
            None if self.after < self.look.after => return None,
            None => &self.look.lines,
        };
        let start = page.partition_point(|line| line.seq <= self.after);
        // Lines of an attempt come after word of it, and those before it come first.
        let end = match state.is_terminal() {
            true => page.len(),
            false => page.partition_point(|line| line.attempt < attempt + u32::from(is_told)),
        };
        if start < end {
            self.after = page[end - 1].seq;
            return Some(RunNews::Lines(NewLines { page: Arc::clone(page), range: start..end }));
        }
        if start < page.len() {
            return self.change(is_told);
        }
        if self.behind.take().is_some() {
            return self.at_hand();
        }
        if self.look.more {
            return None;
        }
        self.change(is_told)
    }

    fn change(&mut self, is_told: bool) -> Option<RunNews> {
        let run = &self.look.run;
        if run.state.is_terminal() {
            self.ended = self.after >= self.look.last() && !self.look.more;
            return self.ended.then(|| RunNews::Ended(Arc::clone(run)));
        }
        if is_told {
            return None;
        }
        self.told = Some((run.state, run.attempt));
        Some(RunNews::Changed(Arc::clone(run)))
    }

    /// Reads lines that the others have behind them.
    async fn catch_up(&mut self) -> Result<()> {
        let (owner, id) = (&self.followed.owner, self.followed.id);
        match answered(PATIENCE, self.inner.store.logs(owner, id, self.after, PAGE)).await {
            Ok(lines) if lines.is_empty() => self.after = self.look.after,
            Ok(lines) => self.behind = Some(lines.into()),
            Err(error) => {
                self.judge(error)?;
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    async fn wait(&mut self, next_look: Instant) {
        tokio::select! {
            // The sender lives as long as this.
            _ = self.changes.changed() => {}
            () = sleep_until(next_look) => {}
        }
    }

    /// Returns how long what was seen of the run holds without word of a change.
    fn poll(&self) -> Duration {
        let is_told = self.inner.store.peers().is_none() || self.inner.active.lock().contains_key(&self.followed.id);
        if is_told { POLL_TOLD } else { POLL }
    }

    /// Lets pass what waiting may mend.
    fn judge(&self, error: Error) -> Result<()> {
        if error.retryable() || error.code() == ErrorCode::StoreUnavailable {
            tracing::debug!(run_id = %self.followed.id, error = error.chain(), "a followed run cannot be read now");
            return Ok(());
        }
        Err(error)
    }
}
