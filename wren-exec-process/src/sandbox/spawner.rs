//! Starts and reaps children.
//!
//! The kernel ends a child with `PR_SET_PDEATHSIG` when the *thread* that forked it ends. A runtime retires its blocking
//! threads at will, so every child is forked by one thread that lives as long as anything needs it.

use std::io;
use std::process::Child;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use super::remains::{self, Remains};

type Work = Box<dyn FnOnce() -> io::Result<Child> + Send>;

/// The threads that fork and reap; they end once the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    spawn: Sender<(Work, oneshot::Sender<io::Result<Child>>)>,
    reap: Sender<Remains>,
    // A child lives no longer than the forking thread, and so a process holds this.
}

impl Spawner {
    /// Starts the threads.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn start() -> io::Result<Self> {
        let (spawn, spawns) = channel::<(Work, oneshot::Sender<io::Result<Child>>)>();
        thread::Builder::new().name("wren-exec-spawn".into()).spawn(move || {
            for (work, reply) in spawns {
                // Nobody waits for a child of a run that was dropped meanwhile; it must not stay.
                if let Err(Ok(mut child)) = reply.send(work()) {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        })?;
        let (reap, arriving) = channel::<Remains>();
        thread::Builder::new().name("wren-exec-reap".into()).spawn(move || {
            remains::reap(&arriving);
        })?;
        Ok(Self { spawn, reap })
    }

    /// Runs `work` on the forking thread.
    ///
    /// # Errors
    /// Whatever `work` returns.
    pub(crate) async fn spawn(&self, work: impl FnOnce() -> io::Result<Child> + Send + 'static) -> io::Result<Child> {
        let (reply, child) = oneshot::channel();
        let gone = || io::Error::other("the forking thread has ended");
        self.spawn.send((Box::new(work), reply)).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }

    /// Hands over what must be waited for by nobody else.
    pub(crate) fn reap(&self, remains: Remains) {
        let _ = self.reap.send(remains);
    }
}
