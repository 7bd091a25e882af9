//! How runs begin, end early, and stay apart.

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, MemoryLogSink, OutcomeEnd};

use crate::executor::Trial;

const ENDLESS: &str = "
import time
def main():
    print('started')
    while True:
        time.sleep(0.01)
";

/// Waits until a run printed something.
async fn until_it_prints(logs: &MemoryLogSink) {
    while logs.lines().is_empty() {
        tokio::task::yield_now().await;
    }
}

pub async fn a_cancelled_run_ends(executor: Arc<dyn Executor>) {
    let (cancel, logs) = (CancellationToken::new(), Arc::new(MemoryLogSink::default()));
    let run = Trial::new(ENDLESS).cancel(&cancel).run_into(&executor, logs.clone());
    let (ran, ()) = tokio::join!(run, async {
        until_it_prints(&logs).await;
        cancel.cancel();
    });
    assert!(matches!(ran.end, OutcomeEnd::Cancelled), "{:?}", ran.end);
    assert_eq!(ran.texts(), ["started"]);
}

pub async fn a_run_cancelled_before_it_began_never_starts(executor: Arc<dyn Executor>) {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let ran = Trial::new(ENDLESS).cancel(&cancel).run(&executor).await;
    assert!(matches!(ran.end, OutcomeEnd::Cancelled), "{:?}", ran.end);
    assert!(ran.lines.is_empty());
}

async fn ends_at_its_timeout(executor: &Arc<dyn Executor>, script: &str) {
    let ran = Trial::new(script).limits(|limits| limits.timeout_ms = 1_500).run(executor).await;
    assert!(matches!(ran.end, OutcomeEnd::Timeout), "{:?}", ran.end);
}

pub async fn a_run_without_end_ends_at_its_timeout(executor: Arc<dyn Executor>) {
    ends_at_its_timeout(&executor, "def main():\n    while True:\n        pass\n").await;
}

pub async fn a_sleep_ends_at_its_timeout(executor: Arc<dyn Executor>) {
    ends_at_its_timeout(&executor, "import time\ndef main():\n    time.sleep(1_000_000)\n").await;
}

pub async fn a_script_that_swallows_every_exception_ends_at_its_timeout(executor: Arc<dyn Executor>) {
    let script = "
try:
    import signal
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
except Exception:
    pass
def main():
    while True:
        try:
            while True:
                sum(range(1000))
        except BaseException:
            pass
";
    ends_at_its_timeout(&executor, script).await;
}

pub async fn a_dropped_run_ends(executor: Arc<dyn Executor>) {
    let logs = Arc::new(MemoryLogSink::default());
    let script = "
def main():
    number = 0
    while True:
        number += 1
        print(number)
";
    let trial = Trial::new(script).limits(|limits| limits.log_bytes = usize::MAX);
    {
        let run = trial.run_into(&executor, logs.clone());
        tokio::select! {
            ran = run => panic!("{ran:?}"),
            () = until_it_prints(&logs) => {}
        }
    }
    let printed = logs.lines().len();
    // The executor still works, and nothing of the dropped run arrives any more.
    assert_eq!(Trial::new("def main():\n    return 1\n").run(&executor).await.value(), 1);
    assert_eq!(logs.lines().len(), printed);
}

pub async fn output_before_a_timeout_is_kept(executor: Arc<dyn Executor>) {
    let script = "
import time
def main():
    print('kept')
    print('unfinished', end='', flush=True)
    time.sleep(1000)
";
    let ran = Trial::new(script).limits(|limits| limits.timeout_ms = 2_500).run(&executor).await;
    assert!(matches!(ran.end, OutcomeEnd::Timeout), "{:?}", ran.end);
    assert_eq!(ran.texts(), ["kept", "unfinished"]);
}

pub async fn many_runs_at_once_keep_apart(executor: Arc<dyn Executor>) {
    let script = "
def main(event):
    for _ in range(20):
        print(event['number'])
    return event['number']
";
    let runs: Vec<_> = (0..24)
        .map(|number| {
            let executor = Arc::clone(&executor);
            let trial = Trial::new(script).event(json!({"number": number}));
            tokio::spawn(async move { (number, trial.run(&executor).await) })
        })
        .collect();
    for run in runs {
        let (number, ran) = run.await.unwrap();
        assert_eq!(ran.texts(), vec![number.to_string(); 20]);
        assert_eq!(ran.value(), number);
    }
}

pub async fn the_context_is_shown(executor: Arc<dyn Executor>) {
    let script = "
import wren
def main():
    context = wren.context()
    assert context.run_id.startswith('run_') and context.idempotency_key == context.run_id
    assert context.deployment_id.startswith('dep_')
    return [context.trigger, context.attempt, str(context.correlation_id), context.deployment_name]
";
    let value = Trial::new(script).run(&executor).await.value();
    assert_eq!(value, json!(["manual", 2, "corr_suite", "suite"]));
}
