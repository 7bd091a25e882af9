//! The clock that interrupts scripts which never call the platform.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How long a script may keep its thread before others get it, and before it sees that it was cancelled.
const TICK: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
struct State {
    running: usize,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A thread that advances an engine's epoch while something runs, and sleeps otherwise.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, seen) = (engine.clone(), Arc::clone(&shared));
        let thread = thread::Builder::new().name("wren-wasm-epoch".to_owned()).spawn(move || tick(&engine, &seen))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps the clock going until the returned value is dropped.
    pub(crate) fn hold(&self) -> Ticking {
        let mut state = self.shared.state.lock();
        state.running += 1;
        if state.running == 1 {
            self.shared.changed.notify_one();
        }
        Ticking { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends within a tick and cannot panic.
            let _ = thread.join();
        }
    }
}

/// See [`Ticker::hold`].
#[derive(Debug)]
pub(crate) struct Ticking {
    shared: Arc<Shared>,
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.shared.state.lock().running -= 1;
    }
}

fn tick(engine: &Engine, shared: &Shared) {
    let mut state = shared.state.lock();
    while !state.stopped {
        if state.running == 0 {
            shared.changed.wait(&mut state);
        } else {
            shared.changed.wait_for(&mut state, TICK);
            engine.increment_epoch();
        }
    }
}
