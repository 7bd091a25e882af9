//! What a script may ask of the platform.

use std::sync::Arc;

use serde_json::json;
use wren_core::executor::Executor;
use wren_core::{ErrorClass, ErrorCode};

use crate::executor::host::REAUTHORIZE;
use crate::executor::{Feature, Trial};

pub async fn calls_are_answered(executor: Arc<dyn Executor>) {
    let script = "
import wren
def main():
    return [wren.state['number'], wren.state.get('missing', 'default')]
";
    let trial = Trial::new(script);
    let host = trial.host();
    assert_eq!(trial.run(&executor).await.value(), json!([42, "default"]));
    assert_eq!(host.calls(), 2);
}

pub async fn calls_of_several_threads_are_under_way_at_once(executor: Arc<dyn Executor>) {
    let script = "
import threading, wren
def main():
    answers = []
    def ask():
        answers.append(wren.state['together'])
    threads = [threading.Thread(target=ask) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:
        return 'no threads'
    for thread in threads:
        thread.join()
    return answers
";
    let value = Trial::new(script).run(&executor).await.value();
    let expected = if Feature::Threads.of(&*executor) { json!([true, true, true]) } else { json!("no threads") };
    assert_eq!(value, expected);
}

pub async fn an_answer_with_an_error_is_raised_and_can_be_caught(executor: Arc<dyn Executor>) {
    let script = "
import wren
def main():
    try:
        wren.state['expired']
    except wren.errors.WrenError as error:
        return error.code
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), "OAUTH_TOKEN_EXPIRED");
}

pub async fn an_error_that_nobody_catches_ends_the_run_with_its_code(executor: Arc<dyn Executor>) {
    let script = "import wren\ndef main():\n    wren.state['expired']\n";
    let error = Trial::new(script).run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::OauthTokenExpired, "{error:?}");
    assert_eq!(error.class(), ErrorClass::UserFacingConfigError);
    assert_eq!(error.action_url(), Some(REAUTHORIZE));
    assert_eq!(error.location().expect("a place").line, 3);
}

pub async fn an_error_of_the_platform_ends_the_run_as_one(executor: Arc<dyn Executor>) {
    let script = "
import wren
def main():
    try:
        wren.state['fault']
    except wren.errors.WrenError as error:
        print(repr(error), error)
        raise
";
    let ran = Trial::new(script).run(&executor).await;
    assert!(!ran.texts().concat().contains("hunter2"), "the cause stays with the operator");
    assert_eq!(ran.error().code(), ErrorCode::Internal);
}

pub async fn a_script_cannot_invent_an_error_that_blames_others(executor: Arc<dyn Executor>) {
    for (class, code) in [("UserFacingConfigError", "OAUTH_TOKEN_EXPIRED"), ("InternalError", "WORKER_LOST")] {
        let script = format!(
            "
import wren
def main():
    error = wren.errors.{class}('m', code='{code}')
    error.action_url = 'https://evil.example'
    raise error
"
        );
        let error = Trial::new(&script).run(&executor).await.error();
        assert_eq!(error.code(), ErrorCode::ScriptException, "{error:?}");
        assert_eq!(error.action_url(), None);
    }
}
