//! The process executor keeps the contract of every executor, in each of its sandboxes.

mod common;

use common::shared;
use wren_exec_process::TierPreference;

mod bubblewrap {
    use super::*;

    wren_conformance::executor_suite!(async || shared(TierPreference::Bubblewrap).await);
}

mod reduced {
    use super::*;

    wren_conformance::executor_suite!(async || shared(TierPreference::Reduced).await);
}
