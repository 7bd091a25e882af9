//! Scripts that mean harm, or do it: each is contained, and the next run knows nothing of it.

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use wren_core::ErrorCode;
use wren_core::executor::{Executor, MemoryLogSink, OutcomeEnd};

use crate::executor::{Feature, Trial, inspect};

/// Time for a script that is not to reach its end.
const SHORT_MS: u64 = 1_500;

async fn the_next_run_works(executor: &Arc<dyn Executor>) {
    let script = "import json\ndef main():\n    return json.loads(json.dumps({'a': [1, 2]}))\n";
    assert_eq!(Trial::new(script).run(executor).await.value(), json!({"a": [1, 2]}));
}

/// Runs `work` as the body of a function: it ends by its timeout, or as a failure of the script's own.
async fn is_contained(executor: &Arc<dyn Executor>, work: &str) -> OutcomeEnd {
    let body: String = work.trim().lines().map(|line| format!("    {line}\n")).collect();
    let script = format!("def main():\n{body}");
    let limits = |limits: &mut wren_core::executor::Limits| {
        limits.timeout_ms = SHORT_MS;
        limits.memory_bytes = 192 << 20;
    };
    let ran = Trial::new(&script).limits(limits).run(executor).await;
    let own = match &ran.end {
        OutcomeEnd::Timeout => true,
        OutcomeEnd::Failed(error) => {
            [ErrorCode::ScriptException, ErrorCode::MemoryLimit, ErrorCode::UnsupportedImport].contains(&error.code())
        }
        OutcomeEnd::Success(_) | OutcomeEnd::Cancelled => false,
    };
    assert!(own, "{work}: {:?}", ran.end);
    the_next_run_works(executor).await;
    ran.end
}

pub async fn a_number_without_end_is_contained(executor: Arc<dyn Executor>) {
    let end = is_contained(&executor, "return 10 ** 10 ** 8 % 7").await;
    assert!(matches!(end, OutcomeEnd::Timeout | OutcomeEnd::Failed(_)));
}

pub async fn a_catastrophic_pattern_is_contained(executor: Arc<dyn Executor>) {
    let end = is_contained(&executor, "import re\nreturn re.match(r'(a+)+$', 'a' * 64 + 'b')").await;
    assert!(matches!(end, OutcomeEnd::Timeout), "{end:?}");
}

pub async fn recursion_in_c_is_contained(executor: Arc<dyn Executor>) {
    for work in [
        "import json\nreturn json.loads('[' * 200_000)",
        "value = []\nfor _ in range(200_000): value = [value]\nreturn repr(value)",
        "import json\nvalue = []\nfor _ in range(200_000): value = [value]\nreturn json.dumps(value)",
        "import pickle\nvalue = []\nfor _ in range(200_000): value = [value]\nreturn pickle.dumps(value)",
        "value = []\nfor _ in range(200_000): value = [value]\nimport copy\nreturn copy.deepcopy(value)",
        "return eval('(' * 100_000 + ')' * 100_000)",
        "import ast\nreturn ast.literal_eval('-' * 200_000 + '1')",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nreturn A().x",
        "def f(): return f()\nimport sys\nsys.setrecursionlimit(10 ** 9)\nreturn f()",
    ] {
        is_contained(&executor, work).await;
    }
}

pub async fn memory_of_every_kind_is_limited(executor: Arc<dyn Executor>) {
    for work in [
        "return len('x' * (1 << 30))",
        "kept = {}\nnumber = 0\nwhile True:\n    kept[number] = str(number) * 1000\n    number += 1",
        "kept = []\nwhile True: kept.append([None] * 100_000)",
        "kept = []\nwhile True: kept.append(lambda: kept)",
        "import zlib\nreturn len(zlib.decompress(zlib.compress(bytes(1 << 20)) , bufsize=1 << 30))\
         + len(bytearray(1 << 30))",
    ] {
        let end = is_contained(&executor, work).await;
        assert!(matches!(end, OutcomeEnd::Failed(_) | OutcomeEnd::Timeout), "{end:?}");
    }
}

pub async fn a_call_that_is_never_answered_ends_with_the_run(executor: Arc<dyn Executor>) {
    let script = "import wren\ndef main():\n    print('asking')\n    while True:\n        wren.state['never']\n";
    let ran = Trial::new(script).limits(|limits| limits.timeout_ms = SHORT_MS).run(&executor).await;
    assert!(matches!(ran.end, OutcomeEnd::Timeout), "{:?}", ran.end);

    let (cancel, logs) = (CancellationToken::new(), Arc::new(MemoryLogSink::default()));
    let run = Trial::new(script).cancel(&cancel).run_into(&executor, logs.clone());
    let (ran, ()) = tokio::join!(run, async {
        while logs.lines().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(matches!(ran.end, OutcomeEnd::Cancelled), "{:?}", ran.end);
    the_next_run_works(&executor).await;
}

pub async fn a_forged_result_is_the_scripts_own_at_most(executor: Arc<dyn Executor>) {
    // Whatever the channel takes from it, the run is its own, and it ends once.
    let script = "
import gc, wren._host
def main():
    channel = wren._host._channel
    for frame in ({'t': 'result', 'ok': 'forged'}, {'t': 'inspection', 'triggers': []}, {'t': 'nonsense'}):
        try:
            channel.send(frame)
        except Exception:
            pass
    return 'honest'
";
    match Trial::new(script).run(&executor).await.end {
        OutcomeEnd::Success(value) => assert!(value == "forged" || value == "honest", "{value}"),
        OutcomeEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::ScriptException),
        other => panic!("{other:?}"),
    }
    the_next_run_works(&executor).await;
}

pub async fn poisoned_modules_do_not_reach_the_next_run(executor: Arc<dyn Executor>) {
    let poison = "
import builtins, json, random, sys, time, wren, wren._host, wren._runtime.session as session
def main():
    def bad(*args, **options):
        return 'poisoned'
    json.dumps = json.loads = random.random = time.sleep = builtins.len = builtins.compile = bad
    wren._host.call = session._run = session.serve = wren.context = bad
    sys.modules.clear()
    return 1
";
    for _ in 0..3 {
        let ran = Trial::new(poison).run(&executor).await;
        assert!(matches!(ran.end, OutcomeEnd::Success(_) | OutcomeEnd::Failed(_)), "{:?}", ran.end);
        the_next_run_works(&executor).await;
    }
    // Nor a later import of the same text: what was compiled is not what a script made of the compiler.
    assert!(inspect(&executor, poison).await.error.is_none());
}

pub async fn leaving_without_a_word_is_a_failure(executor: Arc<dyn Executor>) {
    let script = "import os\ndef main():\n    os._exit(3)\n";
    let error = Trial::new(script).run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::ScriptException);
    assert!(error.message().contains("status 3"), "{error:?}");
    is_contained(&executor, "import os\nos.abort()").await;
}

pub async fn an_await_without_end_is_contained(executor: Arc<dyn Executor>) {
    let end =
        is_contained(&executor, "import asyncio\nasync def wait(): await asyncio.Event().wait()\nasyncio.run(wait())")
            .await;
    match end {
        OutcomeEnd::Failed(error) if Feature::FindsDeadlocks.of(&*executor) => {
            assert!(error.message().contains("nothing is left that could wake"), "{error:?}");
        }
        end => assert!(matches!(end, OutcomeEnd::Timeout) && !Feature::FindsDeadlocks.of(&*executor), "{end:?}"),
    }
}
