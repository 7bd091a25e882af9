//! An executor of a third party keeps the contract of every executor.

use std::sync::Arc;

use wren_core::executor::Executor;
use wren_examples::launcher::LauncherExecutor;

async fn launcher() -> Arc<dyn Executor> {
    Arc::new(LauncherExecutor::new().expect("the SDK's files can be written"))
}

wren_conformance::executor_suite!(launcher);
