//! What the pool of instances promises to who embeds it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use wren_conformance::executor::Trial;
use wren_core::ErrorCode;
use wren_core::executor::{Executor, MemoryLogSink, OutcomeEnd};
use wren_exec_wasm::{WasmExecutor, WasmOptions};

/// Says that it is there, and goes on for ever.
const BUSY: &str = "def main():\n    print('here')\n    while True: pass\n";

fn executor(instances: u32) -> Arc<dyn Executor> {
    Arc::new(WasmExecutor::start(WasmOptions::default().with_instances(instances).with_threads(2)))
}

/// Waits until a run has printed something.
async fn printed(logs: &MemoryLogSink) {
    while logs.lines().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn more_runs_than_instances_wait_for_their_turn() {
    let executor = executor(3);
    let runs = (0..60).map(|number| {
        let executor = Arc::clone(&executor);
        async move {
            let script = format!("def main():\n    return len(bytearray(8 << 20)) + {number}\n");
            Trial::new(&script).run(&executor).await.value()
        }
    });
    let expected: Vec<_> = (0..60).map(|number| json!((8 << 20) + number)).collect();
    assert_eq!(join_all(runs).await, expected);
}

#[tokio::test]
async fn a_full_pool_refuses_at_the_deadline_and_serves_again() {
    let executor = executor(1);
    let (cancel, logs) = (CancellationToken::new(), Arc::new(MemoryLogSink::default()));
    let busy = Trial::new(BUSY).cancel(&cancel).run_into(&executor, logs.clone());
    let (ended, refused) = tokio::join!(busy, async {
        printed(&logs).await;
        let late = Trial::new("def main(): return 1\n").limits(|limits| limits.timeout_ms = 100);
        let refused = late.try_run_into(&executor, Arc::default()).await;
        cancel.cancel();
        refused
    });
    assert!(matches!(ended.end, OutcomeEnd::Cancelled), "{:?}", ended.end);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::ExecutorUnavailable);
    assert_eq!(Trial::new("def main(): return 2\n").run(&executor).await.value(), json!(2));
}

/// The test's runtime has one thread: were the script on it, nobody would be left to cancel it.
#[tokio::test]
async fn a_busy_script_does_not_block_the_callers_runtime() {
    let executor = executor(4);
    let (cancel, logs) = (CancellationToken::new(), Arc::new(MemoryLogSink::default()));
    let runs = join_all((0..4).map(|_| Trial::new(BUSY).cancel(&cancel).run_into(&executor, logs.clone())));
    let (ended, ()) = tokio::join!(runs, async {
        // There are fewer threads than scripts: each of them gets its turn.
        while logs.lines().len() < 4 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(ended.iter().all(|ran| matches!(ran.end, OutcomeEnd::Cancelled)), "{ended:?}");
}
