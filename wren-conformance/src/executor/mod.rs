//! The suite that every executor must pass.
//!
//! ```ignore
//! async fn executor() -> std::sync::Arc<dyn wren_core::executor::Executor> {
//!     // Made once for all cases, or anew for each.
//!     std::sync::Arc::new(MyExecutor::start().await)
//! }
//!
//! wren_conformance::executor_suite!(executor);
//! ```
//!
//! Every case is a test with a name. Where [`Executor::check`](wren_core::executor::Executor::check) says that scripts cannot
//! be run on this machine, the cases are ignored, or fail under `WREN_TEST_REQUIRE=all`.
//!
//! Where executors must differ, [`Feature`] says which do, and the case asserts both sides.
//!
//! The scripts use nothing but Python's standard library and the `wren` package, and start no processes: an executor may be
//! one process in all, or none.

mod differences;
mod host;
mod suite;
mod trial;

#[doc(hidden)]
pub mod cases {
    pub mod host;
    pub mod hostile;
    pub mod inspect;
    pub mod isolation;
    pub mod library;
    pub mod lifecycle;
    pub mod limits;
    pub mod output;
    pub mod result;
}

pub use differences::Feature;
pub use host::ScriptedHost;
pub use trial::{Ran, Trial, inspect, inspect_within};
