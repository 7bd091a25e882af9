//! How a function ends.

use std::sync::Arc;

use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::executor::{Executor, OutcomeEnd};

use crate::executor::Trial;

pub async fn what_the_function_returns_is_the_result(executor: Arc<dyn Executor>) {
    assert_eq!(Trial::new("def main():\n    return 'hello'\n").run(&executor).await.value(), "hello");
    assert_eq!(Trial::new("def main():\n    pass\n").run(&executor).await.value(), Value::Null);
}

pub async fn every_kind_of_json_comes_back(executor: Arc<dyn Executor>) {
    let script = "
def main():
    return {'null': None, 'bool': True, 'int': -(2**53), 'big': 2**63, 'float': 0.1, 'text': 'a\\n\\0\\\\\"',
            'list': [[], {}, (1, 2)], '': {'nested': [1]}}
";
    let expected = json!({"null": null, "bool": true, "int": -(1i64 << 53), "big": 1u64 << 63, "float": 0.1,
        "text": "a\n\0\\\"", "list": [[], {}, [1, 2]], "": {"nested": [1]}});
    assert_eq!(Trial::new(script).run(&executor).await.value(), expected);
}

pub async fn what_is_not_json_is_refused_with_its_place(executor: Arc<dyn Executor>) {
    for value in ["object()", "float('nan')", "{1, 2}", "b'bytes'", "{'deep': [object()]}"] {
        let error = Trial::new(&format!("def main():\n    return {value}\n")).run(&executor).await.error();
        assert_eq!(error.code(), ErrorCode::ResultNotJson, "{value}: {error:?}");
    }
}

pub async fn an_exception_has_place_and_traceback(executor: Arc<dyn Executor>) {
    let script = "
def helper(value):
    return 1 / value

def main():
    return helper(0)
";
    let error = Trial::new(script).run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::ScriptException);
    assert!(error.message().contains("division by zero"), "{error:?}");
    let location = error.location().expect("a place");
    assert_eq!(location.line, 3);
    assert_eq!(location.snippet.as_deref().map(str::trim), Some("return 1 / value"));
    let traceback = error.traceback().expect("a traceback");
    assert!(traceback.contains("ZeroDivisionError") && traceback.contains("line 6"), "{traceback}");
    assert!(!traceback.contains("_runtime"), "the platform's own frames are trimmed: {traceback}");
}

pub async fn an_exception_of_a_library_points_to_the_scripts_line(executor: Arc<dyn Executor>) {
    let error = Trial::new("import json\ndef main():\n    json.loads('{')\n").run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::ScriptException);
    assert_eq!(error.location().expect("a place").line, 3, "{error:?}");
}

pub async fn an_exit_without_a_status_is_a_success_of_nothing_or_a_failure(executor: Arc<dyn Executor>) {
    // Executors agree with each other because the SDK decides; what matters is one terminal outcome.
    let ran = Trial::new("import sys\ndef main():\n    sys.exit()\n").run(&executor).await;
    match ran.end {
        OutcomeEnd::Success(value) => assert_eq!(value, Value::Null),
        OutcomeEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::ScriptException),
        other => panic!("{other:?}"),
    }
}

pub async fn an_exit_with_a_status_is_a_failure(executor: Arc<dyn Executor>) {
    for status in ["3", "'went wrong'"] {
        let error =
            Trial::new(&format!("import sys\ndef main():\n    sys.exit({status})\n")).run(&executor).await.error();
        assert_eq!(error.code(), ErrorCode::ScriptException);
        assert!(error.message().contains(status.trim_matches('\'')), "{error:?}");
    }
}

pub async fn ending_the_process_is_a_failure(executor: Arc<dyn Executor>) {
    let ran = Trial::new("import os\ndef main():\n    print('before')\n    os._exit(7)\n").run(&executor).await;
    assert_eq!(ran.texts(), ["before"]);
    assert_eq!(ran.error().code(), ErrorCode::ScriptException);
}

pub async fn a_function_that_is_missing_is_named(executor: Arc<dyn Executor>) {
    let error = Trial::new("def mian():\n    pass\n").run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::FunctionNotFound);
    assert!(error.message().contains("main"), "{error:?}");
}

pub async fn an_async_function_is_awaited(executor: Arc<dyn Executor>) {
    let script = "
import asyncio
async def main():
    first, second = await asyncio.gather(asyncio.sleep(0, 'a'), asyncio.sleep(0.01, 'b'))
    return first + second
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), "ab");
}

pub async fn the_event_is_passed(executor: Arc<dyn Executor>) {
    let event = json!({"subject": "Grüße", "nested": {"list": [1, null, true]}});
    let script = "def main(event):\n    return [event['subject'], event['nested']]\n";
    let ran = Trial::new(script).event(event).run(&executor).await;
    assert_eq!(ran.value(), json!(["Grüße", {"list": [1, null, true]}]));
}

pub async fn a_function_without_arguments_needs_no_event(executor: Arc<dyn Executor>) {
    assert_eq!(Trial::new("def main():\n    return 1\n").event(json!({"a": 1})).run(&executor).await.value(), 1);
}

pub async fn the_first_result_counts(executor: Arc<dyn Executor>) {
    // The runtime is reached on purpose: whatever a script does after its result, there is one.
    let script = "
import atexit, threading
def later():
    while True:
        print('later')
def main():
    try:
        threading.Thread(target=later, daemon=True).start()
    except RuntimeError:
        print('no threads')
    atexit.register(lambda: print('exit'))
    return 'first'
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), "first");
}
