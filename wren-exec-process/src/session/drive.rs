//! The order of a session: talk, let the guest go, end it, drain what it left, deliver the last line.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::FusedFuture as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use wren_core::Error;
use wren_core::executor::{Inspection, Limits, LogSink};
use wren_core::guest::{self, AnsweredErrors, Source};
use wren_core::host::RunHost;

use super::calls::Calls;
use super::conversation::{self, Output, Spoken};
use super::ending::without_result;
use super::frame::FrameReader;
use super::started::{Exit, Guest};

/// How long a guest may take to end by itself after its result: it flushes what its C libraries buffered.
const GRACE: Duration = Duration::from_secs(1);
/// How long output of an ended guest may take to arrive. It lies in the kernel's buffers by then; the bound is for launchers
/// whose `kill` left somebody holding the other end.
const DRAIN: Duration = Duration::from_millis(250);
/// Batches of lines between the readers and the sink.
const BATCHES: usize = 16;

/// What a session is to do.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The job, as a frame.
    pub(crate) job: Vec<u8>,
    /// Who answers calls; `None` refuses them.
    pub(crate) host: Option<&'a RunHost>,
    /// Who gets the lines; `None` drops them.
    pub(crate) logs: Option<Arc<dyn LogSink>>,
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) cancel: &'a CancellationToken,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum End {
    Result { ok: Value, bytes: usize },
    Inspection(Box<Inspection>),
    Failed(Error),
    Timeout,
    Cancelled,
}

/// What ended the talk.
enum Talk {
    Spoken(Spoken),
    Exited,
    Timeout,
    Cancelled,
}

pub(crate) async fn drive(started: Guest, task: Task<'_>) -> End {
    let Guest { mut process, channel, stdout, stderr } = started;
    let Task { job, host, logs, limits, deadline, cancel } = task;
    let (reader, writer) = tokio::io::split(channel);
    let mut frames = FrameReader::new(reader);
    let (lines, received) = mpsc::channel(BATCHES);
    let output = Output::new(limits, lines, logs.is_none());
    let (calls, queue) = Calls::new();
    let mut delivery = Box::pin(deliver(received, logs));

    let (talk, exit) = {
        // Everything runs inside of this one future, so that dropping it stops everything.
        let mut helpers = Box::pin(async {
            tokio::join!(calls.serve(queue, host, job, writer), delivery.as_mut());
        });
        let mut pipes = Box::pin(
            async {
                tokio::join!(
                    conversation::pipe(stdout, Source::RawStdout, &output),
                    conversation::pipe(stderr, Source::RawStderr, &output),
                );
            }
            .fuse(),
        );
        let mut listening = Box::pin(conversation::listen(&mut frames, &output, &calls).fuse());

        let mut talk = beside(helpers.as_mut(), async {
            loop {
                tokio::select! {
                    () = cancel.cancelled() => return Talk::Cancelled,
                    () = sleep_until(deadline) => return Talk::Timeout,
                    spoken = &mut listening => return Talk::Spoken(spoken),
                    _ = process.wait() => return Talk::Exited,
                    () = &mut pipes => {}
                }
            }
        })
        .await;

        let exit = beside(helpers.as_mut(), async {
            if matches!(
                talk,
                Talk::Spoken(Spoken::Result { .. } | Spoken::Error(_) | Spoken::Inspection(..) | Spoken::Closed)
            ) {
                let grace = async {
                    tokio::select! {
                        _ = process.wait() => true,
                        () = sleep(GRACE) => false,
                        () = sleep_until(deadline) => false,
                        () = cancel.cancelled() => false,
                    }
                };
                // The pipes are read meanwhile, or a guest with much to flush could not end.
                let (ended, _) = tokio::join!(
                    grace,
                    timeout(GRACE, async {
                        if !pipes.is_terminated() {
                            (&mut pipes).await;
                        }
                    })
                );
                let exit = process.kill().await;
                // A guest that closed its channel and stayed was ended by this session, which says nothing about it.
                return if ended { exit } else { Exit::Unknown };
            }
            process.kill().await
        })
        .await;

        beside(helpers.as_mut(), async {
            let _ = timeout(DRAIN, async {
                tokio::join!(
                    async {
                        // What the guest said before it ended counts; what it says after a timeout does not.
                        if !matches!(talk, Talk::Spoken(_)) {
                            let spoken = listening.await;
                            if matches!(talk, Talk::Exited) {
                                talk = Talk::Spoken(spoken);
                            }
                        }
                    },
                    async {
                        if !pipes.is_terminated() {
                            (&mut pipes).await;
                        }
                    }
                );
            })
            .await;
            output.finish().await;
        })
        .await;
        (talk, exit)
    };
    let answered = calls.take_answered();
    // The last sender goes with `output`; the delivery ends once it has handed over everything.
    drop(output);
    delivery.await;
    conclude(talk, exit, answered, limits)
}

/// Hands batches to the sink.
async fn deliver(mut received: mpsc::Receiver<Vec<wren_core::model::LogLine>>, logs: Option<Arc<dyn LogSink>>) {
    while let Some(mut lines) = received.recv().await {
        while let Ok(more) = received.try_recv() {
            lines.extend(more);
        }
        if let Some(logs) = &logs {
            logs.write(lines).await;
        }
    }
}

/// Polls `work` to its end while the helpers, which outlast it, go on.
async fn beside<T>(helpers: Pin<&mut impl Future<Output = ()>>, work: impl Future<Output = T>) -> T {
    tokio::select! {
        value = work => value,
        // They end only after the channel of lines does, whose sender the caller holds.
        () = helpers => std::future::pending().await,
    }
}

fn conclude(talk: Talk, exit: Exit, mut answered: AnsweredErrors, limits: &Limits) -> End {
    match talk {
        Talk::Timeout => End::Timeout,
        Talk::Cancelled => End::Cancelled,
        Talk::Spoken(Spoken::Result { ok, bytes }) => End::Result { ok, bytes },
        Talk::Spoken(Spoken::Error(error)) => End::Failed(guest::guest_error(error, &mut answered)),
        Talk::Spoken(Spoken::Inspection(inspection, error)) => {
            End::Inspection(guest::conclude_inspection(inspection, error))
        }
        Talk::Spoken(Spoken::Broken(error)) => End::Failed(error),
        Talk::Spoken(Spoken::Closed) | Talk::Exited => End::Failed(without_result(exit, limits.memory_bytes)),
    }
}
