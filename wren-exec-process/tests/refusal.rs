//! Without a sandbox or an interpreter the executor refuses, and says what is missing.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use wren_conformance::executor::Trial;
use wren_core::ErrorCode;
use wren_core::executor::{Executor, Limits, Script};
use wren_core::model::ScriptSettings;
use wren_exec_process::{ProcessExecutor, ProcessOptions, TierPreference};

async fn refuses(options: ProcessOptions, words: [&str; 2]) {
    let executor = ProcessExecutor::start(options).await;
    let error = executor.check().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ExecutorUnavailable);
    assert!(error.message().contains(words[0]), "{error:?}");
    assert!(error.hint().unwrap().contains(words[1]), "{error:?}");
    assert_eq!(executor.isolation().tier, "none");
    let script = Script::new("open('/tmp/wren-ran', 'w')\n");
    let error = executor.inspect(&script, &Limits::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ExecutorUnavailable);
}

#[tokio::test]
async fn without_bubblewrap_the_tier_is_refused() {
    let options = ProcessOptions::default().with_tier(TierPreference::Bubblewrap).with_bwrap("/nonexistent/bwrap");
    refuses(options, ["/nonexistent/bwrap", "apt-get install bubblewrap"]).await;
}

#[tokio::test]
async fn a_bubblewrap_that_cannot_make_namespaces_is_refused() {
    // What `bwrap` does in a container without namespaces: it fails at once.
    let options = ProcessOptions::default().with_tier(TierPreference::Bubblewrap).with_bwrap("/bin/false");
    refuses(options, ["no sandbox works", "user namespaces"]).await;
}

#[tokio::test]
async fn without_an_interpreter_there_is_nothing() {
    let options = ProcessOptions::default().with_python("/nonexistent/python3");
    refuses(options, ["/nonexistent/python3", "apt-get install python3"]).await;
}

#[tokio::test]
async fn the_reduced_tier_takes_over_only_where_it_is_real() {
    let options = ProcessOptions::default().with_bwrap("/nonexistent/bwrap");
    let executor: Arc<dyn Executor> = Arc::new(ProcessExecutor::start(options).await);
    match executor.check().await {
        Ok(()) => {
            let ran = Trial::new("def main():\n    return open('/proc/self/status').read()\n").run(&executor).await;
            assert_eq!(ran.isolation.tier, "reduced");
            assert!(ran.error().message().contains("Permission"), "Landlock hides what is not Python's");
        }
        Err(error) => assert!(error.message().contains("Landlock"), "{error:?}"),
    }
}

#[tokio::test]
async fn a_script_with_dependencies_is_told_that_there_are_none() {
    let executor = ProcessExecutor::start(ProcessOptions::default()).await;
    let check = executor.check().await.map_err(|error| error.chain());
    if !wren_conformance::requirement("a sandbox", check) {
        return;
    }
    let settings = ScriptSettings { dependencies: vec!["requests>=2".to_owned()], ..ScriptSettings::default() };
    let script = Script::new("import requests\n").with_settings(settings);
    let error = executor.inspect(&script, &Limits::default()).await.unwrap().error.unwrap();
    assert_eq!(error.code, ErrorCode::UnsupportedImport);
    assert!(error.message.contains("requests>=2") && error.hint.is_some());
}
